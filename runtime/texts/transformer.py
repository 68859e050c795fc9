"""A fetched transformer, opened: from its folder alone, with no network and no code of its own."""

from pathlib import Path
from typing import cast

from config.texts import TextsSection
from models.opinion.tone_network import Classifier, NetworkScorer
from runtime.texts.hub_folder import HubFolder, check_model
from runtime.texts.known_models import HubModel


def open_transformer(model: HubModel, section: TextsSection, folder: HubFolder) -> NetworkScorer:
    """Return the scorer of a model, verified byte by byte first.

    Raises
    ------
    ArtefactRefused
        If it is not what was fetched.
    ValueError, OSError, ImportError
        If it cannot be opened.
    """
    place = folder.verified(model)
    return scorer_of(place, model.label, section)


def scorer_of(place: Path, name: str, section: TextsSection) -> NetworkScorer:
    """Return the scorer of a folder that was verified."""
    import torch
    from transformers import (
        AutoModelForSequenceClassification,
        AutoTokenizer,
        pipeline,
    )
    from transformers.utils.logging import disable_progress_bar

    check_model(place)
    disable_progress_bar()  # type: ignore[no-untyped-call]
    tokenizer = AutoTokenizer.from_pretrained(
        str(place), local_files_only=True, trust_remote_code=False
    )
    network = AutoModelForSequenceClassification.from_pretrained(
        str(place),
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        dtype=torch.float32,
    ).eval()
    # RoBERTa keeps two of its positions for itself.
    positions = int(getattr(network.config, "max_position_embeddings", section.tokens_max + 2)) - 2
    classifier = pipeline(
        "text-classification",
        model=network,
        tokenizer=tokenizer,
        top_k=None,
        truncation=True,
        max_length=min(section.tokens_max, int(tokenizer.model_max_length), positions),
        batch_size=section.batch_texts,
        device="cpu",
    )
    labels = {int(place): str(label) for place, label in network.config.id2label.items()}
    return NetworkScorer(cast("Classifier", classifier), labels, name, section.batch_texts)
