"""Against models of transformers of the same architecture: Whisper's encoder, Qwen2 for the decoder and its beams."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from evaluate.types import GenerationOptions
from models.qwen_audio.front_end import log_mel
from models.qwen_audio.generation import Vocabulary, generate
from models.qwen_audio.prompt import PreparedPrompt

TinyModel = Callable[..., Any]
BLOCK_NAMES = {  # ours: theirs
    "attn.query": "self_attn.q_proj",
    "attn.key": "self_attn.k_proj",
    "attn.value": "self_attn.v_proj",
    "attn.out": "self_attn.out_proj",
    "attn_ln": "self_attn_layer_norm",
    "mlp.0": "fc1",
    "mlp.2": "fc2",
    "mlp_ln": "final_layer_norm",
}


def whisper_encoder(model: Any) -> Any:
    """Whisper's encoder with the tower's weights, its last norm left out: the tower pools before it."""
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    shape = model.config.audio
    encoder = WhisperEncoder(
        WhisperConfig(
            num_mel_bins=shape.n_mels,
            d_model=shape.n_state,
            encoder_layers=shape.n_layer,
            encoder_attention_heads=shape.n_head,
            encoder_ffn_dim=4 * shape.n_state,
            max_source_positions=shape.n_ctx,
        )
    ).eval()
    weights = {}
    for name, tensor in model.transformer.audio.state_dict().items():
        theirs = name.replace("blocks.", "layers.").replace("positional_embedding", "embed_positions.weight")
        for own, other in BLOCK_NAMES.items():
            theirs = theirs.replace(f".{own}.", f".{other}.")
        weights[theirs] = tensor
    encoder.layer_norm = torch.nn.Identity()
    report = encoder.load_state_dict(weights, strict=False)
    assert report.missing_keys == []
    return encoder


def qwen2(model: Any, *, end: int) -> Any:
    """Qwen2 with the decoder's weights; for prompts without clips, up to the trained length."""
    from transformers import GenerationConfig, Qwen2Config, Qwen2ForCausalLM

    shape = model.config
    other = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=shape.vocab_size,
            hidden_size=shape.hidden_size,
            intermediate_size=shape.mlp_width,
            num_hidden_layers=shape.num_hidden_layers,
            num_attention_heads=shape.num_attention_heads,
            num_key_value_heads=shape.num_attention_heads,
            rms_norm_eps=shape.layer_norm_epsilon,
            rope_parameters={"rope_type": "default", "rope_theta": shape.rotary_emb_base},
            tie_word_embeddings=False,
        )
    ).eval()
    weights = {
        "model.embed_tokens.weight": model.transformer.wte.weight,
        "model.norm.weight": model.transformer.ln_f.weight,
        "lm_head.weight": model.lm_head.weight,
    }
    for layer, block in enumerate(model.transformer.h):
        name = f"model.layers.{layer}."
        for part, weight, bias in zip(
            "qkv", block.attn.c_attn.weight.chunk(3), block.attn.c_attn.bias.chunk(3), strict=True
        ):
            weights |= {f"{name}self_attn.{part}_proj.weight": weight, f"{name}self_attn.{part}_proj.bias": bias}
        weights |= {
            name + "self_attn.o_proj.weight": block.attn.c_proj.weight,
            name + "mlp.up_proj.weight": block.mlp.w1.weight,
            name + "mlp.gate_proj.weight": block.mlp.w2.weight,
            name + "mlp.down_proj.weight": block.mlp.c_proj.weight,
            name + "input_layernorm.weight": block.ln_1.weight,
            name + "post_attention_layernorm.weight": block.ln_2.weight,
        }
    other.load_state_dict(weights)
    other.generation_config = GenerationConfig(eos_token_id=end, pad_token_id=end)
    return other


def test_the_tower_is_whispers_encoder_pooled_and_projected(
    tiny_model: TinyModel, clip: Callable[..., np.ndarray]
) -> None:
    model = tiny_model()
    tower, waveform = model.transformer.audio, clip(480_000)

    (found,) = model.encode_audio([waveform])

    with torch.inference_mode():
        encoded = whisper_encoder(model)(log_mel(waveform)[None]).last_hidden_state[0]  # (1500, n_state)
        expected = tower.proj(tower.ln_post(encoded.unflatten(0, (750, 2)).mean(dim=1)))
    torch.testing.assert_close(found[1:-1], expected, atol=1e-4, rtol=0)


def test_the_decoder_is_that_of_qwen2_up_to_the_trained_length(tiny_model: TinyModel) -> None:
    model = tiny_model()
    ids = (5, 900, 17, 17, 2, 1000, 3, 77, 8, 901)

    (found,) = model.logits([PreparedPrompt(ids, ())])

    with torch.inference_mode():
        expected = qwen2(model, end=4)(torch.tensor([ids])).logits[0]
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"repetition_penalty": 1.3, "min_new_tokens": 3},
        {"num_beams": 2},
        {"num_beams": 4, "length_penalty": 0.0},
        {"num_beams": 5, "length_penalty": 2.0, "min_new_tokens": 2},
        {"num_beams": 3, "length_penalty": -1.0, "repetition_penalty": 1.2},
    ],
    ids=str,
)
def test_answers_are_those_of_transformers_generate(tiny_model: TinyModel, settings: dict[str, Any]) -> None:
    model = tiny_model()
    num_tokens = model.config.vocab_size  # transformers masks no rows
    prompts = [tuple(int(i) for i in np.random.default_rng(seed).integers(0, 3000, 6)) for seed in range(10)]
    greedy = generate(
        model,
        [PreparedPrompt(ids, ()) for ids in prompts],
        GenerationOptions(max_new_tokens=9),
        Vocabulary(num_tokens, frozenset()),
    )
    lengths = []
    for ids, path in zip(prompts, greedy, strict=True):
        end = path[4]  # an end that is likely
        options = GenerationOptions(max_new_tokens=9, **settings)
        (found,) = generate(model, [PreparedPrompt(ids, ())], options, Vocabulary(num_tokens, frozenset({end})))

        expected = qwen2(model, end=end).generate(
            torch.tensor([ids]),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long),
            max_new_tokens=9,
            do_sample=False,
            **settings,
        )
        assert found == [one for one in expected[0, len(ids) :].tolist() if one != end]
        lengths.append(len(found))

    assert min(lengths) < 9
