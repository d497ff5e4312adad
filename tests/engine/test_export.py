"""Train, export, serve elsewhere: the same greedy answers."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import xllamacpp

from homutune.engine import (
    BaseModel,
    BaseModels,
    ChatTemplate,
    GenerationPool,
    GenerationRequest,
    TunedModel,
    export_model,
    model_card,
    tuned_models,
)
from homutune.engine._ollama import _CHATML, _GEMMA, _chatml, _gemma
from homutune.engine.train import main as train
from homutune.errors import UserError
from tiny import conversation

pytestmark = pytest.mark.slow
ANSWER = "はい、通知が必要です。"
QUESTIONS = [
    conversation(ANSWER, 3)[:2],
    conversation(ANSWER, 99)[:2],
    [{"role": "user", "content": "解釈"}],
    [*conversation("いいえ。", 1), {"role": "user", "content": "商法 第5条"}],
]
LONGEST = 24


class Trained:
    """A tuned tiny model in a home of its own, and what our own server answers with it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.base: BaseModel = BaseModels(home).get("tiny-gemma")
        self.tuned: TunedModel = next(m for m in tuned_models(home) if m.step is None)
        pool = GenerationPool(home, threads=1)
        self.answers = [self._ask(pool, question, self.tuned.adapter) for question in QUESTIONS]
        self.untuned = [self._ask(pool, question, None) for question in QUESTIONS]
        pool.close()

    def _ask(self, pool: GenerationPool, question: Any, adapter: Path | None) -> str:
        request = GenerationRequest(
            "tiny-gemma", question, adapter, max_tokens=LONGEST, temperature=0
        )
        return pool.complete(request).text


@pytest.fixture(scope="module")
def trained(tiny_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    home = tmp_path_factory.mktemp("export-home")
    (home / "bases").symlink_to(tiny_home / "bases")
    folder = home / "jobs" / "ftjob-1"
    folder.mkdir(parents=True)
    examples = [json.dumps({"messages": conversation(ANSWER, i)}) for i in range(12)]
    (folder / "train.jsonl").write_text("\n".join(examples), "utf-8")
    (folder / "valid.jsonl").write_text("\n".join(examples[:3]), "utf-8")
    job = {
        "model": "tiny-gemma",
        "base_path": str(home / "bases" / "tiny-gemma"),
        "train_file": str(folder / "train.jsonl"),
        "valid_file": str(folder / "valid.jsonl"),
        "seed": 1,
        "hyperparameters": {"n_epochs": 14, "batch_size": 4, "learning_rate_multiplier": 10},
        "fine_tuned_model": "ft:tiny-gemma:local:keiyaku:AbCd1234",
        "adapter_path": str(home / "adapters" / "ftjob-1"),
    }
    (folder / "job.json").write_text(json.dumps(job), "utf-8")
    assert train(folder) == 0
    result = Trained(home)
    assert result.answers[0] == ANSWER
    assert all(a != b for a, b in zip(result.answers, result.untuned, strict=True))
    return result


def transformers_answers(model: Any, folder: Path) -> list[str]:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    answers = []
    for question in QUESTIONS:
        inputs = tokenizer.apply_chat_template(
            question, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        made = model.generate(**inputs, do_sample=False, max_new_tokens=LONGEST)
        new = made[0, inputs["input_ids"].shape[1] :]
        answers.append(tokenizer.decode(new, skip_special_tokens=True))
    return answers


def llama_answers(model: Path, adapter: Path | None = None) -> list[str]:
    """Through llama.cpp's own chat endpoint, which uses the template in the file."""
    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_ctx = 1024
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.warmup = False
    params.verbosity = 0
    params.ui = False
    params.use_jinja = True
    if adapter is not None:
        params.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(str(adapter), 1.0)]
    server = xllamacpp.Server(params)
    return [
        server.handle_chat_completions(
            {"messages": question, "max_tokens": LONGEST, "temperature": 0}
        )["choices"][0]["message"]["content"]
        for question in QUESTIONS
    ]


def test_merged_for_transformers_it_gives_the_same_answers(
    trained: Trained, tmp_path: Path
) -> None:
    from transformers import AutoModelForCausalLM

    target = tmp_path / "hf"
    files = export_model(trained.tuned, trained.base, target, "hf")
    assert Path("model.safetensors") in files and Path("chat_template.jinja") in files
    model = AutoModelForCausalLM.from_pretrained(target)
    assert transformers_answers(model, target) == trained.answers
    assert not list(tmp_path.glob(".*"))


def test_as_a_peft_adapter_it_gives_the_same_answers(trained: Trained, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    export_model(trained.tuned, trained.base, tmp_path / "adapter", "adapter")
    base = AutoModelForCausalLM.from_pretrained(trained.base.path)
    model = PeftModel.from_pretrained(base, tmp_path / "adapter")
    model.generation_config.eos_token_id = [1, 5]
    export_model(trained.tuned, trained.base, tmp_path / "hf", "hf")  # for its tokenizer
    assert transformers_answers(model, tmp_path / "hf") == trained.answers


def test_merged_for_llama_cpp_it_gives_the_same_answers(trained: Trained, tmp_path: Path) -> None:
    files = export_model(trained.tuned, trained.base, tmp_path / "gguf", "gguf")
    assert files == [Path("NOTICE"), Path("README.md"), Path("model.gguf")]
    assert llama_answers(tmp_path / "gguf" / "model.gguf") == trained.answers


@pytest.mark.parametrize("merged", [True, False])
def test_what_the_modelfile_names_gives_the_same_answers(
    trained: Trained, tmp_path: Path, merged: bool
) -> None:
    target = tmp_path / "ollama"
    export_model(trained.tuned, trained.base, target, "ollama", merged=merged)
    lines = (target / "Modelfile").read_text("utf-8").splitlines()
    named = {line.split()[0]: target / line.split()[1] for line in lines if "./" in line}
    assert set(named) == ({"FROM"} if merged else {"FROM", "ADAPTER"})
    assert 'PARAMETER stop "<end_of_turn>"' in lines
    answers = llama_answers(merged_template(named["FROM"], trained), named.get("ADAPTER"))
    assert answers == trained.answers


def merged_template(model: Path, trained: Trained) -> Path:
    """Ollama brings its own template; llama.cpp needs one in the file."""
    from gguf import GGUFReader

    if "tokenizer.chat_template" in GGUFReader(model).fields:
        return model
    from gguf import GGUFWriter

    reader, target = GGUFReader(model), model.with_name("with-template.gguf")
    writer = GGUFWriter(target, "gemma3")
    writer.add_chat_template((trained.base.path / "chat_template.jinja").read_text("utf-8"))
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            inner = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=inner)
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


CHATS = [
    QUESTIONS[0],
    QUESTIONS[3],
    [{"role": "user", "content": "a\n\nb"}],
    [{"role": "system", "content": "s"}, {"role": "user", "content": '"{{ x }}"'}],
]
GO = """package main
import ("encoding/json"; "os"; "text/template")
type Message struct { Role, Content string }
func main() {
    var given struct { Template string; Chats [][]Message }
    if err := json.NewDecoder(os.Stdin).Decode(&given); err != nil { panic(err) }
    t := template.Must(template.New("").Parse(given.Template))
    for _, chat := range given.Chats {
        err := t.Execute(os.Stdout, map[string]any{"Messages": chat, "System": "", "Response": ""})
        if err != nil { panic(err) }
        os.Stdout.Write([]byte{0})
    }
}
"""


@pytest.fixture(scope="module")
def go_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that renders a template as Ollama does."""
    if shutil.which("go") is None:
        pytest.skip("Go, whose templates Ollama uses, is absent")
    folder = tmp_path_factory.mktemp("go")
    (folder / "main.go").write_text(GO)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GOFLAGS": ""}
    subprocess.run(["go", "build", "main.go"], cwd=folder, env=env, check=True)
    return folder / "main"


@pytest.mark.parametrize(("dialect", "expected"), [(_GEMMA, _gemma), (_CHATML, _chatml)])
def test_ollamas_template_renders_what_the_model_was_trained_on(
    trained: Trained, go_template: Path, dialect: Any, expected: Callable[[Sequence[Any]], str]
) -> None:
    given = json.dumps({"Template": dialect.go, "Chats": CHATS})
    run = subprocess.run([go_template], input=given.encode(), stdout=subprocess.PIPE, check=True)
    rendered = run.stdout.decode().split("\0")[:-1]
    assert rendered == [expected(chat) for chat in CHATS]
    if dialect is _GEMMA:
        template = ChatTemplate(trained.base.path)
        ours = [template.render(chat, add_generation_prompt=True) for chat in CHATS]
        assert [f"<bos>{text}" for text in rendered] == ours


def test_a_checkpoint_is_found_and_exported_under_its_own_name(
    trained: Trained, tmp_path: Path
) -> None:
    names = {model.name: model for model in tuned_models(trained.home)}
    assert set(names) == {
        "ft:tiny-gemma:local:keiyaku:AbCd1234",
        *(f"ft:tiny-gemma:local:keiyaku:AbCd1234:ckpt-step-{step}" for step in (36, 39, 42)),
    }
    checkpoint = names["ft:tiny-gemma:local:keiyaku:AbCd1234:ckpt-step-36"]
    export_model(checkpoint, trained.base, tmp_path / "out", "adapter")
    exported = (tmp_path / "out" / "adapter_model.safetensors").read_bytes()
    assert exported == (checkpoint.adapter / "adapter_model.safetensors").read_bytes()
    assert exported != (trained.tuned.adapter / "adapter_model.safetensors").read_bytes()
    assert checkpoint.metrics()[-1]["step"] == 36


def test_the_card_tells_how_it_was_made_and_nothing_of_the_data(trained: Trained) -> None:
    import yaml

    text = model_card(trained.tuned, trained.base)
    front = yaml.safe_load(text.split("---")[1])
    assert front["base_model"] == "tiny-gemma" and front["language"] == "ja"
    assert "| エポック数（n_epochs） | 14 |" in text
    assert "| LoRA rank | 16 |" in text
    assert "| 学習ステップ数 | 42 |" in text
    first, last = trained.tuned.metrics()[0], trained.tuned.metrics()[-1]
    assert f"{first['valid_loss']:.3f} → {last['valid_loss']:.3f}" in text
    assert ANSWER not in text and "質問1" not in text


def test_a_folder_in_use_is_left_alone(trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("x")
    with pytest.raises(UserError, match="書き出し先がすでにあります"):
        export_model(trained.tuned, trained.base, tmp_path, "adapter")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_on_a_full_disk_nothing_half_written_is_left(trained: Trained, small_disk: Path) -> None:
    room = 64 * 1024
    with (small_disk / "ballast").open("wb", buffering=0) as ballast:
        ballast.write(bytes(128 * 1024 * 1024 - room))
    with pytest.raises(UserError, match="空き容量が足りない"):
        export_model(trained.tuned, trained.base, small_disk / "out", "gguf")
    assert [path.name for path in small_disk.iterdir()] == ["ballast"]


def test_a_template_ollama_has_no_words_for_is_refused(trained: Trained, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(trained.base.path, folder)
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}Q: {{ m['content'] }}<end_of_turn>{% endfor %}", "utf-8"
    )
    odd = BaseModel("odd", folder, 0, "tests", "Apache-2.0", "")
    with pytest.raises(UserError, match="Ollama"):
        export_model(trained.tuned, odd, tmp_path / "out", "ollama")
    assert not (tmp_path / "out").exists()
