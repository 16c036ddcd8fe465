"""FENSE's two BERTs, on tiny random checkpoints made here, and its arithmetic on published scores."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluate.captions.fense import (
    FluencyErrorDetector,
    SentenceSimilarity,
    fense_home,
    load_error_detector,
    load_sentence_similarity,
    penalised,
)
from evaluate.errors import MetricUnavailableError

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["a", "dog", "dogs", "bark", "##ing", "and", "rain", "falls", "on", "the", "roof", "while", ",", "."]
CANDIDATES = ["A dog barking.", "rain falls on the roof while a dog barking and rain falls", "", "dogs", "a dog and a"]
REFERENCES = [
    ["a dog barking", "dogs bark"],
    ["rain falls, on the roof"],
    ["the roof", "", "dog"],
    ["dogs", "dogs"],
    ["unknown words, A DOG", "rain", "the dog falls on the roof and the dogs bark"],
]

Write = Callable[[Path], Path]


def write_encoder_files(folder: Path) -> Any:
    """Write the configuration and vocabulary of a tiny BERT; returns the configuration."""
    from transformers import BertConfig

    folder.mkdir(parents=True)
    vocabulary = [*SPECIAL, *WORDS]
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=80,
        initializer_range=0.5,  # the usual 0.02 makes all sentences alike
    )
    config.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    (folder / "tokenizer_config.json").write_text('{"do_lower_case": true, "model_max_length": 80}')
    return config


def write_json(path: Path, document: Any) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document))


def write_sentence_model(folder: Path) -> Path:
    """Write a sentence encoder in the layout of sentence-transformers, as its published models have it."""
    import torch
    from transformers import BertModel

    config = write_encoder_files(folder)
    torch.manual_seed(1)
    BertModel(config).save_pretrained(folder)
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling")]
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (path, kind) in enumerate(kinds)
    ]
    write_json(folder / "modules.json", modules)
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 12, "do_lower_case": False})
    pooling = {"word_embedding_dimension": 16, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}
    write_json(folder / "1_Pooling" / "config.json", pooling)
    return folder


def write_error_detector(folder: Path, *, num_classes: int = 6) -> Path:
    """Write a classifier in the layout of the FENSE project's checkpoints."""
    import torch
    from transformers import BertModel

    config = write_encoder_files(folder)
    torch.manual_seed(2)
    encoder, head = BertModel(config), torch.nn.Linear(config.hidden_size, num_classes)
    torch.nn.init.normal_(head.weight)  # spread, or every probability is near a half
    weights = {f"encoder.{name}": weight for name, weight in encoder.state_dict().items()}
    weights |= {f"clf.{name}": weight for name, weight in head.state_dict().items()}
    weights["encoder.embeddings.position_ids"] = torch.arange(80)[None]  # which transformers wrote before 4.31
    states = {"model_type": "bert-base-uncased", "num_classes": num_classes, "state_dict": weights}
    torch.save(states, folder / "echecker_clotho_audiocaps_base.ckpt")
    return folder


@pytest.fixture(scope="module")
def sentence_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sentence_model(tmp_path_factory.mktemp("fense") / "sbert")


@pytest.fixture(scope="module")
def error_detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_error_detector(tmp_path_factory.mktemp("fense") / "echecker")


def plain_similarity(folder: Path, candidate: str, reference: str) -> float:
    """The similarity of two sentences, each encoded alone, as the model card of the encoder computes it."""
    import torch
    from transformers import BertModel, BertTokenizer

    model, tokenizer = BertModel.from_pretrained(folder).eval(), BertTokenizer.from_pretrained(folder)
    with torch.no_grad():
        first, second = (
            model(**tokenizer(text, truncation=True, max_length=12, return_tensors="pt")).last_hidden_state[0].mean(0)
            for text in (candidate, reference)
        )
        return float(torch.cosine_similarity(first, second, dim=0))


def plain_error_probability(folder: Path, words: str) -> float:
    """The probability of the class `error` of one caption of bare words, padded to 64 tokens as the official code."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    model, tokenizer = BertModel(BertConfig.from_pretrained(folder)).eval(), BertTokenizer.from_pretrained(folder)
    weights = torch.load(folder / "echecker_clotho_audiocaps_base.ckpt", weights_only=True)["state_dict"]
    own = {name.removeprefix("encoder."): weight for name, weight in weights.items() if name.startswith("encoder.")}
    model.load_state_dict(own, strict=False)
    inputs = tokenizer(words, truncation=True, padding="max_length", max_length=64, return_tensors="pt")
    with torch.no_grad():
        first = model(**inputs).last_hidden_state[0, 0]
        return float(torch.sigmoid(weights["clf.weight"] @ first + weights["clf.bias"])[-1])


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_similarities_are_those_of_sentences_encoded_one_by_one(sentence_model: Path, batch_size: int) -> None:
    encoder = SentenceSimilarity(sentence_model, batch_size=batch_size, device="cpu")
    expected = [
        np.mean([plain_similarity(sentence_model, candidate, reference) for reference in references])
        for candidate, references in zip(CANDIDATES, REFERENCES, strict=True)
    ]
    np.testing.assert_allclose(encoder.similarities(CANDIDATES, REFERENCES), expected, atol=1e-6)
    assert np.ptp(expected) > 0.1  # these are not all the same number


def test_a_caption_equal_to_its_only_reference_has_a_similarity_of_one(sentence_model: Path) -> None:
    similarities = SentenceSimilarity(sentence_model, device="cpu").similarities(["a dog"], [["a dog"]])
    assert similarities == pytest.approx([1.0], abs=1e-7)


def test_the_encoder_reads_no_further_than_its_settings_say(sentence_model: Path) -> None:
    encoder = SentenceSimilarity(sentence_model, device="cpu")
    beyond = " ".join(["rain"] * 10 + ["dogs bark on the roof"])  # ten words, start and end are twelve tokens
    assert encoder.similarities([beyond], [["rain " * 10]]) == pytest.approx([1.0], abs=1e-7)


def test_without_settings_the_encoder_reads_as_far_as_it_has_positions(tmp_path: Path) -> None:
    folder = write_sentence_model(tmp_path / "sbert")
    (folder / "sentence_bert_config.json").unlink()
    assert SentenceSimilarity(folder, device="cpu")._max_tokens == 80


def test_no_captions_have_no_similarities(sentence_model: Path) -> None:
    assert SentenceSimilarity(sentence_model, device="cpu").similarities([], []).shape == (0,)


def test_a_sample_without_reference_is_refused(sentence_model: Path) -> None:
    with pytest.raises(ValueError, match="sample 1 has no reference"):
        SentenceSimilarity(sentence_model).similarities(["a", "a"], [["a"], []])


def test_candidates_and_references_must_be_as_many(sentence_model: Path) -> None:
    with pytest.raises(ValueError, match="zip"):
        SentenceSimilarity(sentence_model, device="cpu").similarities(["a"], [["a"], ["a"]])


@pytest.mark.parametrize("batch_size", [1, 3, 32])
def test_error_probabilities_are_those_of_captions_classified_one_by_one(error_detector: Path, batch_size: int) -> None:
    detector = FluencyErrorDetector(error_detector, batch_size=batch_size, device="cpu")
    bare = ["a dog barking", *CANDIDATES[1:]]  # the only one with capitals and punctuation
    expected = [plain_error_probability(error_detector, words) for words in bare]
    np.testing.assert_allclose(detector.error_probabilities(CANDIDATES), expected, atol=1e-6)
    assert np.ptp(expected) > 0.1


def test_the_classifier_reads_neither_punctuation_nor_what_is_beyond_64_tokens(error_detector: Path) -> None:
    detector = FluencyErrorDetector(error_detector / "echecker_clotho_audiocaps_base.ckpt", device="cpu")
    captions = ["rain " * 62, "Rain, " * 62 + "a dog"]
    first, second = detector.error_probabilities(captions)
    assert first == second


def test_every_weight_of_the_classifier_comes_from_its_checkpoint(error_detector: Path, tmp_path: Path) -> None:
    import torch

    folder = write_error_detector(tmp_path / "echecker")
    path = folder / "echecker_clotho_audiocaps_base.ckpt"
    states = torch.load(path, weights_only=True)
    del states["state_dict"]["encoder.encoder.layer.1.output.dense.weight"]
    torch.save(states, path)
    with pytest.raises(MetricUnavailableError, match=r"do not fit .*config.json, expected that of bert-base-uncased"):
        FluencyErrorDetector(folder).error_probabilities(["a"])


def test_the_identity_follows_the_files_not_their_place(sentence_model: Path, tmp_path: Path) -> None:
    copy = write_sentence_model(tmp_path / "elsewhere")
    assert SentenceSimilarity(copy).identity() == SentenceSimilarity(sentence_model).identity()
    (copy / "vocab.txt").write_text("\n".join([*SPECIAL, *reversed(WORDS)]) + "\n")
    assert SentenceSimilarity(copy).identity() != SentenceSimilarity(sentence_model).identity()


def test_the_identity_of_a_classifier_follows_its_checkpoint(error_detector: Path, tmp_path: Path) -> None:
    copy = write_error_detector(tmp_path / "elsewhere")
    assert FluencyErrorDetector(copy).identity() == FluencyErrorDetector(error_detector).identity()
    (copy / "echecker_clotho_audiocaps_base.ckpt").write_bytes(b"other weights")
    assert FluencyErrorDetector(copy).identity() != FluencyErrorDetector(error_detector).identity()


def test_a_pickle_that_would_run_code_is_not_loaded(error_detector: Path, tmp_path: Path) -> None:
    import torch

    folder = write_error_detector(tmp_path / "echecker")
    torch.save({"state_dict": Path("x")}, folder / "echecker_clotho_audiocaps_base.ckpt")  # needs code to be run
    with pytest.raises(MetricUnavailableError, match=r"\.ckpt: it does not load \(UnpicklingError: Weights only"):
        FluencyErrorDetector(folder).error_probabilities(["a"])


def test_another_number_of_classes_is_refused(tmp_path: Path) -> None:
    folder = write_error_detector(tmp_path / "echecker", num_classes=5)
    with pytest.raises(MetricUnavailableError, match="5 classes of error apart, expected 6, the last of them 'error'"):
        FluencyErrorDetector(folder).error_probabilities(["a"])


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def pool_by(config: dict[str, Any]) -> Callable[[Path], None]:
    return lambda folder: write_json(folder / "1_Pooling" / "config.json", config)


def add_module(kind: str) -> Callable[[Path], None]:
    def add(folder: Path) -> None:
        modules = json.loads((folder / "modules.json").read_text())
        write_json(folder / "modules.json", [*modules, {"path": "2_Dense", "type": kind}])

    return add


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (remove("config.json"), "no config.json in it"),
        (remove("vocab.txt"), "neither tokenizer.json nor vocab.txt"),
        (pool_by({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": True}), "pools by cls_token, expected"),
        (pool_by({"pooling_mode": "lasttoken"}), "pools by lasttoken, expected by the mean"),
        (add_module("sentence_transformers.models.Dense"), "its modules are Transformer, Pooling, Dense, expected"),
        (lambda folder: (folder / "modules.json").write_text("{"), "modules.json: not valid JSON"),
    ],
)
def test_what_is_no_such_sentence_encoder_is_refused_before_it_is_loaded(
    tmp_path: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    folder = write_sentence_model(tmp_path / "sbert")
    spoil(folder)
    with pytest.raises(MetricUnavailableError, match=reason):
        SentenceSimilarity(folder)


def drop_a_weight(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.0.output.dense.bias"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (remove("model.safetensors"), r"it does not load \(OSError"),
        (drop_a_weight, "1 weights are missing, first 'encoder.layer.0.output.dense.bias'"),
        (
            lambda folder: (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *WORDS, "more"])),
            "the vocabulary has 20 tokens, the encoder 19",
        ),
    ],
)
def test_a_sentence_encoder_that_is_not_whole_is_refused(
    tmp_path: Path, spoil: Callable[[Path], None], reason: str
) -> None:
    folder = write_sentence_model(tmp_path / "sbert")
    spoil(folder)
    with pytest.raises(MetricUnavailableError, match=reason):
        SentenceSimilarity(folder).similarities(["a"], [["a"]])


def write_bin(folder: Path, *extra: tuple[str, Any]) -> Path:
    """Turn the weights into the torch file that older releases wrote."""
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors") | dict(extra), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def test_weights_of_older_releases_are_read(tmp_path: Path, sentence_model: Path) -> None:
    import torch

    older = write_bin(write_sentence_model(tmp_path / "sbert"), ("embeddings.position_ids", torch.arange(80)[None]))
    similarities = [
        SentenceSimilarity(folder, device="cpu").similarities(CANDIDATES, REFERENCES)
        for folder in (older, sentence_model)
    ]
    np.testing.assert_array_equal(*similarities)


def test_a_pickle_among_older_weights_is_not_run(tmp_path: Path) -> None:
    folder = write_bin(write_sentence_model(tmp_path / "sbert"), ("extra", Path("x")))
    with pytest.raises(MetricUnavailableError, match=r"it does not load \(UnpicklingError: Weights only"):
        SentenceSimilarity(folder).similarities(["a"], [["a"]])


def test_new_layouts_name_the_pooling(tmp_path: Path) -> None:
    folder = write_sentence_model(tmp_path / "sbert")
    pool_by({"pooling_mode": "mean"})(folder)
    assert SentenceSimilarity(folder, device="cpu").similarities(["a"], [["a"]]) == pytest.approx([1.0])


def test_an_absent_device_is_named(sentence_model: Path) -> None:
    with pytest.raises(MetricUnavailableError, match="does not fit on cuda:99"):
        SentenceSimilarity(sentence_model, device="cuda:99").similarities(["a"], [["a"]])


def test_two_checkpoints_in_a_folder_are_one_too_many(tmp_path: Path) -> None:
    folder = write_error_detector(tmp_path / "echecker")
    (folder / "echecker_clotho_audiocaps_tiny.ckpt").touch()
    with pytest.raises(MetricUnavailableError, match="expected one .ckpt file in it, found .*base.ckpt, .*tiny.ckpt"):
        FluencyErrorDetector(folder)


def test_a_classifier_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MetricUnavailableError, match="echecker.ckpt: no such file or folder"):
        FluencyErrorDetector(tmp_path / "echecker.ckpt")


def test_models_are_looked_for_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FENSE_HOME", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert fense_home() == tmp_path / ".cache" / "otoscope" / "fense"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert fense_home() == tmp_path / "cache" / "otoscope" / "fense"
    monkeypatch.setenv("FENSE_HOME", "~/models")
    assert fense_home() == tmp_path / "models"


def test_models_in_their_places_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FENSE_HOME", str(tmp_path))
    with pytest.raises(MetricUnavailableError, match=r"sbert: no such folder; put .*L6-v2 into it, .* FENSE_HOME"):
        load_sentence_similarity()
    with pytest.raises(MetricUnavailableError, match=r"echecker: no such folder; put .*base.ckpt into it"):
        load_error_detector()
    write_sentence_model(tmp_path / "sbert")
    write_error_detector(tmp_path / "echecker")
    assert load_sentence_similarity().folder == tmp_path / "sbert"
    assert load_error_detector().folder == tmp_path / "echecker"


def test_only_probabilities_above_the_threshold_cost() -> None:
    scores = penalised(np.array([0.5, 0.5, -0.5]), np.array([0.9, 0.91, 1.0]))
    np.testing.assert_allclose(scores, [0.5, 0.05, -0.05], rtol=1e-15)


def test_scores_and_probabilities_must_be_as_many() -> None:
    with pytest.raises(ValueError, match=r"\(2,\) scores and \(1,\) error probabilities"):
        penalised(np.zeros(2), np.zeros(1))


def test_published_scores_are_cut_as_here(corpora: Path) -> None:
    # CoNeTTE's outputs on AudioCaps with the scores of aac-metrics; `fer` is 1 where the probability is above 0.9.
    path = corpora / "results" / "conette" / "outputs_audiocaps_test.csv"
    if not path.is_file():
        pytest.skip(f"no {path}")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    column = {name: np.array([float(row[name]) for row in rows]) for name in ("sbert_sim", "fense", "spider", "fer")}
    published = np.array([float(row["spider_fl"]) for row in rows])
    assert column["fer"].sum() > 0
    np.testing.assert_allclose(penalised(column["sbert_sim"], column["fer"]), column["fense"], rtol=1e-12)
    np.testing.assert_allclose(penalised(column["spider"], column["fer"]), published, rtol=1e-12)
