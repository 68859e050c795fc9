"""A BERT of two thousand weights, made and saved by whoever needs one: nothing is downloaded."""

import json
from pathlib import Path
from typing import Final

WORDS: Final = ("euro", "rises", "falls", "dollar", "shares", "beats", "misses", "the", "of", "on")
LABELS: Final = ("Positive", "NEGATIVE", "neutral")


def save_tiny_bert(
    folder: Path,
    labels: tuple[str, ...] = LABELS,
    seed: int = 1,
    words: tuple[str, ...] = WORDS,
    changes: dict[str, object] | None = None,
) -> Path:
    """Save a model with its vocabulary and its own table of labels, and return its folder.

    `changes` are made to its configuration file afterwards.
    """
    import torch
    from transformers import BertConfig, BertForSequenceClassification
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()  # type: ignore[no-untyped-call]
    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=48,
        id2label=dict(enumerate(labels)),
        label2id={label: place for place, label in enumerate(labels)},
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    path = folder / "config.json"
    content = {**json.loads(path.read_text(encoding="utf-8")), **(changes or {})}
    path.write_text(json.dumps(content), encoding="utf-8")
    return folder
