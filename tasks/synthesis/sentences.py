"""The sentences that are said: a small grammar, each sentence in six languages with the same meaning.

    the teacher hides the umbrella at the station · 老师在车站藏雨伞 · der Lehrer versteckt den Regenschirm am Bahnhof

Whether a sentence is said in the samples or in training data follows from what it means: a tenth of all meanings is
held out, in every language. Each word is among both.
"""

import zlib
from dataclasses import dataclass
from itertools import product

import numpy as np

from tasks.synthesis.parts import Part

LANGUAGES = ("en", "zh", "de", "fr", "es", "it")

# A line per word or phrase, in the order of LANGUAGES; objects in the case that they stand in.
SUBJECTS = (
    ("the man", "男人", "der Mann", "l'homme", "el hombre", "l'uomo"),
    ("the woman", "女人", "die Frau", "la femme", "la mujer", "la donna"),
    ("the boy", "男孩", "der Junge", "le garçon", "el niño", "il ragazzo"),
    ("the girl", "女孩", "das Mädchen", "la fille", "la niña", "la ragazza"),
    ("the teacher", "老师", "der Lehrer", "le professeur", "el profesor", "l'insegnante"),
    ("the doctor", "医生", "der Arzt", "le médecin", "el médico", "il medico"),
    ("my brother", "我 哥哥", "mein Bruder", "mon frère", "mi hermano", "mio fratello"),
    ("my sister", "我 姐姐", "meine Schwester", "ma sœur", "mi hermana", "mia sorella"),
)
VERBS = (
    ("buys", "买", "kauft", "achète", "compra", "compra"),
    ("sells", "卖", "verkauft", "vend", "vende", "vende"),
    ("finds", "找到", "findet", "trouve", "encuentra", "trova"),
    ("draws", "画", "zeichnet", "dessine", "dibuja", "disegna"),
    ("looks for", "寻找", "sucht", "cherche", "busca", "cerca"),
    ("hides", "藏", "versteckt", "cache", "esconde", "nasconde"),
    ("forgets", "忘记", "vergisst", "oublie", "olvida", "dimentica"),
    ("cleans", "擦洗", "putzt", "nettoie", "limpia", "pulisce"),
)
OBJECTS = (
    ("the apple", "苹果", "den Apfel", "la pomme", "la manzana", "la mela"),
    ("the book", "书", "das Buch", "le livre", "el libro", "il libro"),
    ("the cup", "杯子", "die Tasse", "la tasse", "la taza", "la tazza"),
    ("the key", "钥匙", "den Schlüssel", "la clé", "la llave", "la chiave"),
    ("the hat", "帽子", "den Hut", "le chapeau", "el sombrero", "il cappello"),
    ("the bicycle", "自行车", "das Fahrrad", "le vélo", "la bicicleta", "la bicicletta"),
    ("the guitar", "吉他", "die Gitarre", "la guitare", "la guitarra", "la chitarra"),
    ("the lamp", "台灯", "die Lampe", "la lampe", "la lámpara", "la lampada"),
    ("the letter", "信", "den Brief", "la lettre", "la carta", "la lettera"),
    ("the flower", "花", "die Blume", "la fleur", "la flor", "il fiore"),
    ("the newspaper", "报纸", "die Zeitung", "le journal", "el periódico", "il giornale"),
    ("the umbrella", "雨伞", "den Regenschirm", "le parapluie", "el paraguas", "l'ombrello"),
)
PLACES = (
    ("in the garden", "在 花园 里", "im Garten", "dans le jardin", "en el jardín", "in giardino"),
    ("in the kitchen", "在 厨房 里", "in der Küche", "dans la cuisine", "en la cocina", "in cucina"),
    ("at the station", "在 车站", "am Bahnhof", "à la gare", "en la estación", "alla stazione"),
    ("at school", "在 学校", "in der Schule", "à l'école", "en la escuela", "a scuola"),
    ("at the market", "在 市场", "auf dem Markt", "au marché", "en el mercado", "al mercato"),
    ("in the park", "在 公园 里", "im Park", "au parc", "en el parque", "al parco"),
    ("at the hotel", "在 酒店", "im Hotel", "à l'hôtel", "en el hotel", "in albergo"),
    ("at the office", "在 办公室", "im Büro", "au bureau", "en la oficina", "in ufficio"),
)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a sentence says, by the numbers of its phrases."""

    subject: int
    verb: int
    object: int
    place: int

    def words(self, language: str) -> str:
        """Return the sentence in lower case but for German nouns, without punctuation; words set apart by spaces."""
        column = LANGUAGES.index(language)
        subject, verb, thing, place = (
            table[number][column]
            for table, number in (
                (SUBJECTS, self.subject),
                (VERBS, self.verb),
                (OBJECTS, self.object),
                (PLACES, self.place),
            )
        )
        order = (subject, place, verb, thing) if language == "zh" else (subject, verb, thing, place)
        return " ".join(order)

    def written(self, language: str) -> str:
        """Return the sentence as it is written, with its capital and its full stop."""
        words = self.words(language)
        return words.replace(" ", "") + "。" if language == "zh" else words[0].upper() + words[1:] + "."


def all_meanings() -> list[Meaning]:
    """Return every meaning that the grammar has."""
    tables = (SUBJECTS, VERBS, OBJECTS, PLACES)
    return [Meaning(*numbers) for numbers in product(*(range(len(table)) for table in tables))]


def is_held_out(meaning: Meaning) -> bool:
    """Whether a sentence is of the samples, and never of training data."""
    numbers = (meaning.subject, meaning.verb, meaning.object, meaning.place)
    return zlib.crc32(bytes(numbers)) % 10 == 0


def draw_meaning(rng: np.random.Generator, part: Part) -> Meaning:
    """Return a random meaning of a part."""
    while True:
        numbers = (int(rng.integers(len(table))) for table in (SUBJECTS, VERBS, OBJECTS, PLACES))
        meaning = Meaning(*numbers)
        if is_held_out(meaning) == (part is Part.SAMPLE):
            return meaning
