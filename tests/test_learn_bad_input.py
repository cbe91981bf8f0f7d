"""What `tuition learn` and `tuition run` are given that cannot be learnt with: told in plain words, and early."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from tests.conftest import byte_tokenizer
from tuition.base.errors import UserError
from tuition.cli import app
from tuition.studies.engines import worker
from tuition.tasks.starter import STARTER_PATH

Rows = list[tuple[str, str]]
NORMAL = [(f"thing {at}", "red" if at % 2 else "blue") for at in range(140)]
SMALL = ("--set", "judge.test=4", "--set", "judge.validation=1", "--set", "judge.new_tokens=2")
SHORT = ("--set", "arms.*.recipe.min_steps=2", "--set", "precision=float32")


@pytest.fixture
def collection(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a collection of one task with the rows given."""

    def write(rows: Rows = NORMAL) -> Path:
        folder = tmp_path / "tasks"
        folder.mkdir(exist_ok=True)
        task = {
            "Definition": ["Say the colour."],
            "Positive Examples": [{"input": "a thing", "output": "red", "explanation": ""}],
            "Negative Examples": [],
            "Instances": [{"id": f"r{at}", "input": text, "output": [out]} for at, (text, out) in enumerate(rows)],
        }
        (folder / "task001_colours.json").write_text(json.dumps(task))
        return folder

    return write


@pytest.fixture
def study(collection: Callable[..., Path], tiny_model: Path, tmp_path: Path) -> Callable[..., str]:
    """Return a function that writes a study of one arm with labels 0 and 4."""

    def write(rows: Rows = NORMAL, model: object = tiny_model, recipe: str = "{}") -> str:
        text = f"study: x\ntasks: {{collection: {collection(rows)}, order: file}}\nmodel: {model}\nlabels: [0, 4]\n"
        text += f"arms: {{a: [{{encoding: definition, recipe: {recipe}}}]}}\njudge: {{test: 4, validation: 1}}\n"
        (tmp_path / "study.yaml").write_text(text)
        return str(tmp_path / "study.yaml")

    return write


@pytest.fixture
def model(tiny_model: Path, tmp_path: Path) -> Path:
    """A copy of the tiny model, to spoil."""
    return Path(shutil.copytree(tiny_model, tmp_path / "model"))


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no weight be read: what is refused here is refused before."""
    from transformers import PreTrainedModel

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("weights were read")

    monkeypatch.setattr(PreTrainedModel, "from_pretrained", refuse)


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no model be asked for at all."""

    def refuse(*arguments: object, **options: object) -> None:
        raise AssertionError("a model was loaded")

    monkeypatch.setattr(worker, "load_model", refuse)


def tuition(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def refused(*arguments: object) -> str:
    done = tuition(*arguments)
    assert isinstance(done.exception, UserError), (done.exception, done.output)
    return str(done.exception)


def learnt(*arguments: object) -> Result:
    done = tuition(*arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return done


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("/no/such/model", "no such folder; give a model folder"),
        ("./nowhere", "no such folder"),
        ("EMPTY", "has no config"),
    ],
)
def test_a_base_model_that_is_not_there(name: str, told: str, collection: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    name = str(tmp_path / "empty") if name == "EMPTY" else name
    assert told in refused("learn", collection(), "--labels", "0,4", "--model", name, "--out", tmp_path / "out")


@pytest.mark.usefixtures("unloaded")
def test_a_hub_id_that_cannot_be_had(
    collection: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    told = refused("learn", collection(), "--labels", "4", "--model", "nobody/nothing", "--out", tmp_path / "out")
    assert "the model 'nobody/nothing' is neither a folder nor in the cache, and HF_HUB_OFFLINE" in told


@pytest.mark.usefixtures("unread")
@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("bert", {"architectures": ["BertForMaskedLM"]}),
        ("llama", {"architectures": ["LlamaForSequenceClassification"]}),
        ("t5", {"architectures": ["T5EncoderModel"], "is_encoder_decoder": False}),
        ("vit", {"architectures": ["ViTModel"]}),
    ],
)
def test_a_model_of_a_class_that_writes_no_text(
    kind: str, changes: dict[str, object], model: Path, collection: Callable[..., Path], tmp_path: Path
) -> None:
    (model / "config.json").write_text(json.dumps({"model_type": kind, "vocab_size": 300, **changes}))
    told = refused("learn", collection(), "--labels", "4", "--model", model, "--out", tmp_path / "out")
    assert "does not generate text" in told
    assert str(changes["architectures"][0]) in told  # type: ignore[index]


def test_a_model_without_the_weights_that_write(model: Path, collection: Callable[..., Path], tmp_path: Path) -> None:
    from transformers import LlamaForCausalLM

    LlamaForCausalLM.from_pretrained(model).model.save_pretrained(model)  # as LlamaModel: no output layer
    told = refused("learn", collection(), "--labels", "4", "--model", model, "--out", tmp_path / "out")
    assert "lacks 1 of the weights that a language model has (lm_head.weight)" in told


@pytest.mark.parametrize("length", [0, 7, 500])
def test_weights_that_were_cut_off(length: int, model: Path, collection: Callable[..., Path], tmp_path: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:length])
    told = refused("learn", collection(), "--labels", "4", "--model", model, "--out", tmp_path / "out")
    assert "cannot be loaded" in told


def test_weights_of_another_shape(model: Path, collection: Callable[..., Path], tmp_path: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps({**config, "hidden_size": 64}))
    told = refused("learn", collection(), "--labels", "4", "--model", model, "--out", tmp_path / "out")
    assert "cannot be loaded" in told


@pytest.mark.usefixtures("unread")
def test_a_model_without_a_tokenizer(model: Path, collection: Callable[..., Path], tmp_path: Path) -> None:
    for file in model.glob("*token*"):
        file.unlink()
    told = refused("learn", collection(), "--labels", "4", "--model", model, "--out", tmp_path / "out")
    assert "the tokenizer of" in told
    assert "cannot be loaded" in told


@pytest.mark.usefixtures("unread")
def test_a_tokenizer_without_an_end_token(model: Path, collection: Callable[..., Path], tmp_path: Path) -> None:
    tokens = byte_tokenizer()
    tokens.eos_token = tokens.pad_token = None
    tokens.save_pretrained(model)
    told = refused("learn", collection(), "--labels", "4", "--model", model, "--out", tmp_path / "out")
    assert "has no end token; set its eos_token" in told


@pytest.mark.usefixtures("unread")
def test_a_tokenizer_of_another_model(model: Path, collection: Callable[..., Path], tmp_path: Path) -> None:
    from transformers import ByT5Tokenizer

    for file in model.glob("*token*"):
        file.unlink()
    ByT5Tokenizer().save_pretrained(model)
    told = refused("learn", collection(), "--labels", "4", "--model", model, "--out", tmp_path / "out")
    assert "has 257 embeddings and its tokenizer 384 tokens; use the tokenizer that belongs to the model" in told


def test_no_pad_token_is_needed(model: Path, study: Callable[..., str], tmp_path: Path) -> None:
    tokens = byte_tokenizer()
    tokens.pad_token = None
    tokens.save_pretrained(model)
    learnt("run", study(model=model), *SMALL, *SHORT, "--out", tmp_path / "out")


def test_more_embeddings_than_tokens_are_as_good(model: Path, study: Callable[..., str], tmp_path: Path) -> None:
    from transformers import LlamaForCausalLM

    wide = LlamaForCausalLM.from_pretrained(model)
    wide.resize_token_embeddings(320)
    wide.save_pretrained(model)
    learnt("run", study(model=model), *SMALL, *SHORT, "--out", tmp_path / "out")


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize("setting", ["single-task", "multi-task"])
def test_no_labels_where_learning_is_asked_for(setting: str, collection: Callable[..., Path], tmp_path: Path) -> None:
    given = ("learn", collection(), "--labels", "0", "--setting", setting, "--out", tmp_path / "out")
    assert "--labels 0 trains nothing; add a budget" in refused(*given)


@pytest.mark.usefixtures("unloaded")
def test_no_label_left_to_learn_beside_those_that_prompts_show(tmp_path: Path, tiny_model: Path) -> None:
    study = tmp_path / "study.yaml"
    study.write_text(
        "study: x\ntasks: {collection: starter, split: list=default}\n"
        f"model: {tiny_model}\narms: {{a: [{{on: seen, labels: 4, encoding: 4-shot}}]}}\nlabels: [0]\n"
    )
    told = refused("run", study, "--out", tmp_path / "out")
    assert "has 4 labels per task, and the encoding '4-shot' has up to 4 in each prompt, which leaves none" in told


@pytest.mark.usefixtures("unloaded")
def test_a_task_of_one_instance(collection: Callable[..., Path], tiny_model: Path, tmp_path: Path) -> None:
    given = ("--labels", "4", "--model", tiny_model, "--out", tmp_path / "out")
    assert "task001_colours has 1 instances" in refused("learn", collection([("a thing", "red")]), *given)


def test_one_label_is_enough_to_learn_from(study: Callable[..., str], tmp_path: Path) -> None:
    learnt("run", study(), "--labels", "1", *SMALL, *SHORT, "--out", tmp_path / "out")
    assert len(list((tmp_path / "out" / "adapters").iterdir())) == 1


def test_a_task_with_one_answer_alone_is_learnt_and_reported(study: Callable[..., str], tmp_path: Path) -> None:
    rows = [(f"thing {at}", "red") for at in range(40)]
    learnt("run", study(rows), *SMALL, *SHORT, "--out", tmp_path / "out")
    assert (tmp_path / "out" / "report.html").is_file()


def test_a_target_longer_than_the_limit_names_its_row_and_a_way_out(study: Callable[..., str], tmp_path: Path) -> None:
    rows = [(f"thing {at}", "red " * 200 if at == 6 else "red") for at in range(40)]
    given = (*SMALL, *SHORT, "--set", "arms.*.recipe.max_length=200", "--out", tmp_path / "out")
    done = tuition("run", study(rows), *given)
    assert done.exit_code == 1
    told = " ".join(done.stderr.split())
    assert "task task001_colours, instance r6" in told
    assert "`too_long: drop-instance`" in told
    learnt("run", study(rows), *given, "--set", "arms.*.recipe.too_long=drop-instance")


def test_targets_all_longer_than_the_limit(study: Callable[..., str], tmp_path: Path) -> None:
    rows = [(f"thing {at}", "red " * 200) for at in range(40)]
    given = (*SMALL, *SHORT, "--set", "arms.*.recipe.max_length=200", "--out", tmp_path / "out")
    done = tuition("run", study(rows), *given, "--set", "arms.*.recipe.too_long=drop-instance")
    assert done.exit_code == 1
    assert "all 4 instances are longer than 200 tokens; raise max_length" in " ".join(done.stderr.split())


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--tuner", "lorra"], "there is no tuner named 'lorra'; did you mean 'lora'"),
        (["--recipe", "tk-instrct"], "there is no recipe named 'tk-instrct'; did you mean 'tk-instruct'"),
        (["--recipe", "t-few", "--tuner", "lora"], "--recipe t-few uses the tuner ia3, not --tuner lora"),
        (["--setting", "single"], "--setting 'single' is not known; use single-task"),
        (["--setting", "cross-task"], "training on seen tasks needs --split"),
        (["--setting", "cross-task", "--split", "random"], "needs --seen-labels"),
        (["-e", "defnition"], "there is no encoding named 'defnition'; did you mean 'definition'"),
        (["--seeds", "1,1"], "a number is given twice"),
        (["--labels", "4,-1"], "give counts separated by commas"),
        (["--labels", "400"], "enough for e.g."),
    ],
)
def test_options_that_are_not_known_or_contradict(
    options: list[str], told: str, collection: Callable[..., Path], tiny_model: Path, tmp_path: Path
) -> None:
    given = ["--model", tiny_model, "--out", tmp_path / "out", *options]
    assert told in refused("learn", collection(), *given)


@pytest.mark.usefixtures("unloaded")
@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ("tuner_options: {rang: 4}", "the tuner 'lora' has no option rang; it has rank, alpha, modules"),
        ("tuner_options: {rank: four}", "rank is 'four'; it must be int"),
        ("tuner_options: 4", "tuner_options is 4; it must be a mapping"),
        ("tuner: lorra", "did you mean 'lora'"),
        ("optimizer: adamw", "unknown settings optimizer"),
        ("optimiser: sgd", "optimiser is 'sgd'; it must be one of adamw, adafactor"),
        ("schedule: cosine", "it must be one of constant, linear"),
        ("epochs: 0", "epochs is 0; it must be a whole number, 1 or more"),
        ("epochs: 1.5", "epochs is 1.5; it must be a whole number"),
        ("batch_size: 0", "batch_size is 0"),
        ("total_steps: -1", "total_steps is -1"),
        ("learning_rate: fast", "learning_rate is 'fast'; it must be a number above 0"),
        ("learning_rate: 0", "learning_rate is 0; it must be a number above 0"),
        ("learning_rate: .nan", "learning_rate is nan"),
        ("warmup: 3", "warmup is 3; it must be a number from 0 to 1"),
        ("max_length: 3", "max_length is 3"),
        ("memory: 0", "memory is 0"),
        ("cut: middle", "it must be one of end, start"),
        ("share_prefix: maybe", "share_prefix is 'maybe'; it must be true or false"),
    ],
)
def test_settings_of_a_recipe_that_no_training_could_go_by(
    setting: str, told: str, study: Callable[..., str], tmp_path: Path
) -> None:
    assert told in refused("run", study(recipe=f"{{{setting}}}"), "--out", tmp_path / "out")


def test_a_recipe_alone_names_its_tuner(tiny_model: Path) -> None:
    from tuition.commands.learn import LearnChoice, learn_study

    spec = learn_study(
        LearnChoice(
            path=STARTER_PATH,
            tasks=(),
            labels=(4,),
            setting="single-task",
            encodings=("definition",),
            tuner="",
            recipe="t-few",
            model=str(tiny_model),
            split="",
            seen=0,
            test=4,
            validation=1,
            seeds=(1,),
            order="file",
            capped=False,
        )
    )
    assert [stage.recipe.tuner for stages in spec.arms.values() for stage in stages] == ["ia3"]
