"""Writing an adapter so that PEFT and llama.cpp can both load it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from peft import PeftModel

from homutune.engine._job import Job
from homutune.engine._lora_gguf import write_lora_gguf
from homutune.files import sync_tree, write_atomic


def save_adapter(model: PeftModel, target: Path, job: Job) -> None:
    """Write the adapter as safetensors and as LoRA GGUF; ``adapter.json`` last."""
    building = target.with_name(f".{target.name}.building")
    shutil.rmtree(building, ignore_errors=True)
    try:
        model.save_pretrained(building, save_embedding_layers=False)
        (building / "README.md").unlink(missing_ok=True)
        # The id, not the path on this machine: adapters travel.
        config = json.loads((building / "adapter_config.json").read_text("utf-8"))
        config["base_model_name_or_path"] = job.base_id
        # PEFT lists a set, in another order in every process.
        config["target_modules"] = sorted(config["target_modules"])
        write_atomic(building / "adapter_config.json", json.dumps(config, indent=2, sort_keys=True))
        write_lora_gguf(building, job.base / "config.json", building / "adapter.gguf")
        sync_tree(building)
        write_atomic(
            building / "adapter.json",
            json.dumps(
                {"model": job.fine_tuned_model, "base": job.base_id, "seed": job.seed},
                ensure_ascii=False,
                indent=2,
            ),
        )
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        building.rename(target)
    finally:
        shutil.rmtree(building, ignore_errors=True)
