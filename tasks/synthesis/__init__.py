"""Clips with true labels that the project makes itself, from a seed: those of `tasks/samples/`, and training data.

One module per kind of sound. Each has a function of a part and an index that returns a clip of its own dataclass: the
waveform at 16 kHz and what is true of it. `Part.SAMPLE` is what ships, `Part.TRAINING` any amount of other clips: the
two never share a random generator (`parts`), and what is said never shares a sentence (`sentences.is_held_out`).

    speech       sentences of a small grammar in six languages; voices, speeds, rooms, noise
    emotions     English sentences in seven tones of voice
    timestamps   Mandarin sentences with the time of each character
    vocal        six vocal sounds
    scenes       acoustic scenes, the labels of CochlScene and of TUT 2017
    listening    everyday sounds with captions, questions and answers
    notes        musical notes: instrument, qualities, pitch, velocity
    questions    questions with options about all of these, and spoken ones

    lessons      what training clips teach: the tasks' prompts and the true answers
    training     any number of them, as a folder

`python -m tasks.synthesis` writes the samples anew, in the layouts of the corpora (`corpora`). Speech needs espeak-ng,
which the extra `samples` installs. It is under the GNU GPL version 3; nothing of it is shipped, and what it says is
not covered by its licence.
"""
