"""An OpenAI-compatible server of the standard library alone, which misbehaves on command.

Run as a script it serves on a free port of the loopback address and prints it. `POST /_control` sets its state,
`GET /_seen` tells what it was asked. With `--model FOLDER` a real model answers.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import threading
import time
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HTML = "<!DOCTYPE html><html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"


class State:
    """What the server shall do, and what it was asked."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.script: list[str] = []  # one misbehaviour for each of the next requests, "" for none
        self.always = ""  # what every later request meets
        self.key = ""
        self.delay = 0.0
        self.tokens = "words"
        self.offers = "echo"  # or "prompt_logprobs", or neither
        self.answer = ""
        self.top: dict[str, float] | None = {"yes": -0.5, " yes": -2.0, "no": -1.5, "\n": -3.0}
        self.seen: list[dict[str, Any]] = []
        self.served = 0
        self.running = 0
        self.most_running = 0


STATE = State()
MODEL: RealModel | None = None


def answer_of(prompt: str) -> str:
    """The answer that the server gives to a prompt: known to the tests too."""
    return f"answer {zlib.crc32(prompt.encode())} to {prompt[-12:]}"


def split(text: str, how: str) -> list[str]:
    """Cut a text into tokens: words with the space before them; or with each colon glued to the word behind it."""
    if how == "glued":
        return re.findall(r": ?\w+| ?[^\s:]+|\s|:", text)
    words = re.findall(r" ?\S+|\s", text)
    return ["<s>", *words] if how == "bos" else words


def log_probability(tokens: list[str], at: int) -> float:
    """A made-up log-probability of a token behind those before it: known to the tests too."""
    return -(zlib.crc32("\0".join(tokens[: at + 1]).encode()) % 10_000) / 1000


def echo(prompt: str) -> tuple[list[str], list[float | None]]:
    if MODEL is not None:
        return MODEL.echo(prompt)
    if STATE.tokens == "bytes":
        parts = [[word] if word.isascii() else [chr(byte) for byte in word.encode()] for word in split(prompt, "words")]
        tokens = [token for part in parts for token in part]
        shown = [token if token.isascii() else "\N{REPLACEMENT CHARACTER}" for token in tokens]
    else:
        tokens = shown = split(prompt, STATE.tokens)
    return shown, [None, *(log_probability(tokens, at) for at in range(1, len(tokens)))]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        seen = {"seen": STATE.seen, "served": STATE.served, "most_running": STATE.most_running}
        self.send(200, json.dumps(seen))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/_control":
            with STATE.lock:
                for name, value in body.items():
                    setattr(STATE, name, value)
            return self.send(200, "{}")
        with STATE.lock:
            how = STATE.script.pop(0) if STATE.script else STATE.always
            key = self.headers.get("Authorization", "")
            STATE.seen.append({"path": self.path, "body": body, "at": time.time(), "how": how, "authorization": key})
            STATE.running += 1
            STATE.most_running = max(STATE.most_running, STATE.running)
        try:
            time.sleep(STATE.delay)
            if STATE.key and key != f"Bearer {STATE.key}":
                said = f"Incorrect API key provided: {key.removeprefix('Bearer ')}."
                return self.send(401, json.dumps({"error": {"message": said, "code": "invalid_api_key"}}))
            return self.misbehave(how, body) if how else self.answer(body)
        finally:
            with STATE.lock:
                STATE.running -= 1

    def misbehave(self, how: str, body: dict[str, Any]) -> None:
        name, _, value = how.partition(":")
        whole = json.dumps(self.made(body))
        half = whole[: len(whole) // 2]
        replies: dict[str, Callable[[], None]] = {
            "429": lambda: self.refuse(429, "Rate limit reached", headers={"Retry-After": value} if value else {}),
            "status": lambda: self.refuse(int(value), f"the server says {value}"),
            "quota": lambda: self.refuse(429, "You exceeded your current quota", code="insufficient_quota"),
            "html": lambda: self.send(int(value or 200), HTML, kind="text/html"),
            "half": lambda: self.cut(half, len(whole)),  # the connection ends within the body
            "truncated": lambda: self.send(200, half),  # the body is half an object, and says it is all
            "close": lambda: self.hang(0),
            "hang": lambda: self.hang(float(value)),
            "drip": lambda: self.drip(float(value)),
            "redirect": lambda: self.send(307, "", {"Location": "https://elsewhere.example/v1"}),
            "json": lambda: self.send(200, value),
        }
        replies[name]()

    def refuse(self, status: int, message: str, *, headers: dict[str, str] | None = None, code: str = "") -> None:
        self.send(status, json.dumps({"error": {"message": message, "code": code or None}}), headers)

    def cut(self, text: str, length: int) -> None:
        self.send(200, text, length=length)
        self.close_connection = True

    def hang(self, seconds: float) -> None:
        time.sleep(seconds)
        self.close_connection = True

    def drip(self, seconds: float) -> None:
        """Send a byte now and then, so that no single read ever times out."""
        self.send(200, "", length=1000)
        try:
            for _ in range(int(seconds * 20)):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.05)
        except OSError:
            pass
        self.close_connection = True

    def answer(self, body: dict[str, Any]) -> None:
        with STATE.lock:
            STATE.served += 1
        self.send(200, json.dumps(self.made(body)))

    def made(self, body: dict[str, Any]) -> dict[str, Any]:
        if body.get("echo") and STATE.offers == "echo":
            return self.echoed(body)
        chat = "messages" in body
        prompt = body["messages"][-1]["content"] if chat else body["prompt"]
        text, finish = STATE.answer or answer_of(prompt), "stop"
        used = len(prompt.split()), len(text.split())
        if MODEL is not None:
            text, finish, *used = MODEL.answer(body)
        usage = {"prompt_tokens": used[0], "completion_tokens": used[1]}
        choice: dict[str, Any] = {"index": 0, "finish_reason": finish}
        if chat:
            choice["message"] = {"role": "assistant", "content": text}
            if body.get("logprobs") and STATE.top is not None:
                listed = [{"token": token, "logprob": value, "bytes": None} for token, value in STATE.top.items()]
                choice["logprobs"] = {"content": [{"token": "yes", "logprob": -0.5, "top_logprobs": listed}]}
        else:
            choice |= {"text": text, "logprobs": None}
            if "prompt_logprobs" in body and STATE.offers == "prompt_logprobs":
                places = enumerate(zip(*echo(prompt), strict=True))
                choice["prompt_logprobs"] = [
                    None if value is None else {str(at): {"logprob": value, "rank": 1, "decoded_token": token}}
                    for at, (token, value) in places
                ]
        return {"id": "x", "object": "made", "model": body["model"], "choices": [choice], "usage": usage}

    def echoed(self, body: dict[str, Any]) -> dict[str, Any]:
        prompt = body["prompt"]
        tokens, values = echo(prompt)
        shown = {"tokens": [*tokens, " and"], "token_logprobs": [*values, -1.0], "top_logprobs": None}
        choice = {"index": 0, "text": prompt + " and", "finish_reason": "length", "logprobs": shown}
        usage = {"prompt_tokens": len(tokens), "completion_tokens": 1}
        return {"object": "text_completion", "model": body["model"], "choices": [choice], "usage": usage}

    def send(
        self,
        status: int,
        text: str,
        headers: dict[str, str] | None = None,
        kind: str = "application/json",
        length: int | None = None,
    ) -> None:
        data = text.encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data) if length is None else length))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:  # the client has gone
            self.close_connection = True


class RealModel:
    """A real model behind the server: greedy answers and log-probabilities, each by plain forward passes."""

    def __init__(self, folder: str) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(1)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.lock = threading.Lock()

    def next(self, ids: list[int]) -> Any:
        import torch

        with self.lock, torch.no_grad():
            return self.model(torch.tensor([ids])).logits[0].double().log_softmax(-1)

    def echo(self, text: str) -> tuple[list[str], list[float | None]]:
        ids = self.tokenizer(text)["input_ids"]
        values = self.next(ids)
        told = [float(values[at - 1, token]) for at, token in enumerate(ids) if at]
        return [self.tokenizer.decode([token]) for token in ids], [None, *told]

    def answer(self, body: dict[str, Any]) -> tuple[str, str, int, int]:
        """Return an answer's text, why it ended, and the tokens of prompt and answer."""
        if "messages" in body:
            ids = self.tokenizer.apply_chat_template(body["messages"], add_generation_prompt=True)["input_ids"]
        else:
            ids = self.tokenizer(body["prompt"])["input_ids"]
        given = len(ids)
        while len(ids) < given + body["max_tokens"]:
            ids = [*ids, int(self.next(ids)[-1].argmax())]
            text = self.tokenizer.decode(ids[given:], skip_special_tokens=True)
            stopped = [text.index(mark) for mark in body.get("stop", []) if mark in text]
            if ids[-1] == self.tokenizer.eos_token_id or stopped:
                return text[: min(stopped)] if stopped else text, "stop", given, len(ids) - given
        return self.tokenizer.decode(ids[given:], skip_special_tokens=True), "length", given, len(ids) - given


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model")
    parser.add_argument("--port", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.model:
        MODEL = RealModel(chosen.model)
    ThreadingHTTPServer.request_queue_size = 64
    ThreadingHTTPServer.daemon_threads = True
    server = ThreadingHTTPServer(("127.0.0.1", chosen.port), Handler)
    sys.stdout.write(f"{server.server_address[1]}\n")
    sys.stdout.flush()
    server.serve_forever()
