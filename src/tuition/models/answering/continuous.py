"""Continuous batching: rows of many tasks and adapters decode together; waiting rows take finished ones' slots."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from tuition.models.answering.lane_model import LaneModel, passes
from tuition.models.answering.lane_plan import LanePlan, Row, Waiting
from tuition.models.answering.token_choice import TokenChoice

_REFILL = {"cuda": 0.25, "cpu": 0.125}
"""The share of slots that are free before waiting rows are run: a pass over few rows costs a GPU as much as one over
many, while its free slots cost it nothing."""
_SHRINK = {"cuda": 0.25, "cpu": 0.8}
"""The share of slots in use below which the cache is copied into a smaller one, once nothing waits. On a GPU a smaller
shape saves little and is captured again."""


class ContinuousBatch:
    """Answers rows until none waits."""

    def __init__(
        self,
        model: LaneModel,
        choice: TokenChoice,
        waiting: Waiting,
        finished: Callable[[Row], None],
        failed: Callable[[int, Exception], None],
    ) -> None:
        """`finished` is given each row as soon as its answer is whole, and `failed` each request that fails.

        What these raise ends the run.
        """
        self._model, self._choice, self._waiting = model, choice, waiting
        self._finished, self._failed = finished, failed
        self.plan = LanePlan(model.cache.lanes, model.cache.slots)

    def run(self) -> None:
        """Answer all that waits."""
        while True:
            self._refill()
            if self.plan.alive():
                self._step()
            elif not self._waiting:
                return

    def unfinished(self) -> list[Row]:
        """Return the rows in slots and those that wait, their answers taken back."""
        rows = [row for row in self.plan.rows if row is not None] + self._waiting.rows()
        for row in rows:
            row.answer.clear()
        return rows

    def _share(self, of: dict[str, float]) -> float:
        return of.get(self._model.cache.device.type, of["cpu"])

    def _refill(self) -> None:
        plan, slots = self.plan, len(self.plan.rows)
        free = slots - len(plan.alive())
        if self._waiting and (free == slots or free >= self._share(_REFILL) * slots):
            self._model.move(*plan.merge())
            filled, new = plan.admit(self._waiting)
            self._begin(filled, new)
        if not self._waiting:
            self._shrink()

    def _begin(self, filled: list[int], new: list[tuple[int, int]]) -> None:
        """Run new prefixes and the bodies of new rows, up to their first tokens."""
        model, plan = self._model, self.plan
        keys = {lane: key for lane, _ in new if (key := plan.keys[lane]) is not None}
        first = [lane for lane, source in new if source == lane]
        model.run_prefixes(first, [keys[lane][1] for lane in first], [keys[lane][0] for lane in first])
        for lane, source in new:
            if lane != source:
                model.cache.copy_prefix(source, lane)
        rows = {slot: row for slot in filled if (row := plan.rows[slot]) is not None}
        before = model.soft + max((len(row.key[1]) for row in rows.values()), default=0)
        for chosen in passes([len(rows[slot].body) for slot in filled], model.cache.device, before):
            slots = sorted(filled[at] for at in chosen)  # lane by lane
            own = [rows[slot] for slot in slots]
            logits, columns = model.run_bodies(slots, [row.body for row in own], [row.key[0] for row in own])
            tokens = self._choice(logits, own)
            model.begin(slots, tokens)
            for row, column in zip(own, columns, strict=True):
                row.column = column
            self._take(zip(slots, own, tokens.tolist(), strict=True))

    def _step(self) -> None:
        plan = self.plan
        alive = [(slot, row) for slot, row in enumerate(plan.rows) if row is not None]
        lanes = {slot // plan.slots for slot, _ in alive}
        keys = [plan.keys[lane] for lane in lanes]
        owners = [None if key is None else key[0] for key in plan.keys]
        logits = self._model.step(
            owners,
            prefix=self._model.soft + max(len(key[1]) for key in keys if key is not None),
            width=max(row.column for _, row in alive) + 1,
        )
        tokens = self._choice(logits, plan.rows)
        self._model.follow(tokens)
        values = tokens.tolist()
        for _, row in alive:
            row.column += 1
        self._take((slot, row, values[slot]) for slot, row in alive)

    def _take(self, made: Iterable[tuple[int, Row, int]]) -> None:
        """Add each row's next token to its answer, and free the slots of those that end."""
        ended: list[int] = []
        for slot, row, token in made:
            if self.plan.rows[slot] is not row:
                continue  # its request failed
            try:
                if not self._choice.ended(row, token):
                    continue
            except Exception as error:
                ended += self._drop(row.request)
                self._failed(row.request, error)
                continue
            self.plan.release(slot)
            ended.append(slot)
            self._finished(row)
        if ended:
            self._model.cache.end(ended)

    def _drop(self, request: int) -> list[int]:
        """Remove all rows of a request; return the slots that they had."""
        self._waiting.drop(request)
        own = [slot for slot, row in enumerate(self.plan.rows) if row is not None and row.request == request]
        for slot in own:
            self.plan.release(slot)
        return own

    def _shrink(self) -> None:
        """Continue with fewer lanes and slots where many are free for good."""
        plan = self.plan
        if not (alive := plan.alive()) or len(alive) > self._share(_SHRINK) * len(plan.rows):
            return
        self._model.move(*plan.merge())
        lanes, slots = plan.smaller()
        if len(slots) <= self._share(_SHRINK) * len(plan.rows):
            self._model.replace(self._model.cache.smaller(lanes, slots), slots)
            plan.keep(lanes, slots)
