"""Acoustic scenes: the thirteen of CochlScene and the fifteen of TUT 2017, each a mixture of what is heard there.

A scene is what it is made of here, no more: a park has birds, steps and a little wind, a forest path more wind and
birds but no people. Places that both corpora have, such as bus and car, are the same in both.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.synthesis import events
from tasks.synthesis.events import MakeBackground, MakeEvent
from tasks.synthesis.parts import Part, clip_generator
from tasks.synthesis.sound import SAMPLE_RATE_HZ, Waveform, finished, in_room, num_frames, to_level

DURATION_S = 3.0


@dataclass(frozen=True, slots=True)
class SceneClip:
    """A clip of one scene."""

    waveform: NDArray[np.float32]  # (num_frames,) at 16 kHz
    label: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a scene is made of; levels in dB against the scene's loudest background."""

    backgrounds: tuple[tuple[MakeBackground, float], ...]
    happenings: tuple[tuple[MakeEvent, float, float], ...] = ()  # what, how often per second, level of its peak
    reverberation_s: float = 0.0
    level_db: float = -24.0


def make_scene(part: Part, index: int, labels: tuple[str, ...], *, kind: str) -> SceneClip:
    """Make one clip.

    Args:
        part: What it is for.
        index: Its number in its kind and part; labels take turns with it.
        labels: The scenes of the corpus.
        kind: The corpus.
    """
    rng = clip_generator(f"scenes/{kind}", part, index)
    label = labels[index % len(labels)]
    recipe = SCENES[label]
    total: Waveform = np.zeros(num_frames(DURATION_S))
    for make, level_db in recipe.backgrounds:
        total += to_level(make(rng, DURATION_S), level_db + rng.uniform(-1.5, 1.5))
    for happens, rate_hz, level_db in recipe.happenings:
        # At least once: else the scene would lack what makes it.
        count = max(1, int(rng.poisson(rate_hz * DURATION_S)))
        for nth in range(count):
            sound = happens(rng) * 10 ** ((level_db + 12 + rng.uniform(-2, 2)) / 20)
            latest_s = max(0.1, DURATION_S - len(sound) / SAMPLE_RATE_HZ)
            first = num_frames(latest_s * (nth + rng.uniform(0.05, 0.95)) / count)
            total[first : first + len(sound)] += sound[: len(total) - first]
    heard = in_room(rng, total, recipe.reverberation_s, wet=0.7)
    return SceneClip(finished(to_level(heard, recipe.level_db + rng.uniform(-2, 2))), label)


SCENES: Mapping[str, Recipe] = {
    "bus": Recipe(((events.engine, 0), (events.rumble, -6)), ((events.hiss, 0.3, -2),)),
    "car": Recipe(((events.rumble, 0), (events.engine, -14)), ((events.tick, 1.6, -10),)),
    "subway": Recipe(((events.rumble, -3), (events.whine, -8)), ((events.clack, 1.5, 2),), 0.2),
    "train": Recipe(((events.rumble, -3), (events.wind, -6)), ((events.clack, 0.8, 3), (events.horn, 0.2, -10)), 0.1),
    "tram": Recipe(((events.whine, -4), (events.rumble, -8)), ((events.clink, 1.0, 2),), 0.1),
    "subway station": Recipe(((events.rumble, 0), (events.babble, -12)), ((events.chime, 0.3, 4),), 1.2),
    "elevator": Recipe(((events.fan, 0),), ((events.beep, 0.4, 2),), 0.15, -28),
    "street": Recipe(
        ((events.wind, -12),), ((events.passing_car, 0.7, 4), (events.horn, 0.3, 0), (events.step, 0.8, -6))
    ),
    "city center": Recipe(
        ((events.babble, -6), (events.wind, -14)),
        ((events.passing_car, 0.5, 2), (events.bell, 0.4, 4), (events.step, 1.0, -4)),
        0.3,
    ),
    "residential area": Recipe(
        ((events.wind, -8),), ((events.passing_car, 0.3, -4), (events.bark, 0.5, -2), (events.chirp, 0.5, -6)), 0.0, -28
    ),
    "park": Recipe(((events.wind, -10),), ((events.chirp, 1.2, 0), (events.step, 1.6, -4)), 0.0, -28),
    "forest path": Recipe(((events.wind, 0),), ((events.chirp, 1.6, 2),), 0.0, -28),
    "beach": Recipe(((events.waves, 0),), ((events.gull, 0.5, -4),)),
    "cafe": Recipe(((events.babble, 0),), ((events.hiss, 0.5, 0), (events.clink, 1.0, -2)), 0.3),
    "restaurant": Recipe(((events.babble, 0), (events.music, -3)), ((events.clink, 2.0, -2),), 0.4),
    "crowded indoor": Recipe(((events.babble, 0),), ((events.step, 2.0, 2), (events.clap, 0.6, 0)), 1.0, -20),
    "grocery store": Recipe(((events.fan, 0), (events.babble, -8)), ((events.beep, 1.2, 0),), 0.4),
    "kitchen": Recipe(((events.frying, 0), (events.stream, -8)), ((events.clink, 0.5, -2),), 0.2),
    "restroom": Recipe(((events.stream, 0),), ((events.drip, 1.5, 0),), 1.0),
    "home": Recipe(((events.music, 0),), ((events.tick, 1.0, 2), (events.step, 0.5, -4)), 0.3, -30),
    "library": Recipe(((events.fan, -18),), ((events.page, 0.6, 0), (events.step, 0.4, -6)), 0.5, -38),
    "office": Recipe(((events.fan, -6),), ((events.key_press, 5.0, 4), (events.ring, 0.3, 0)), 0.2, -30),
}
ALIKE = {"cafe or restaurant": "restaurant", "metro station": "subway station"}  # what one corpus calls otherwise
SCENES = {**SCENES, **{label: SCENES[other] for label, other in ALIKE.items()}}
