"""A person at the labeling screen as the route sees one: a hand of items, an outbox, receipts.

It keeps the protocol of the browser component: an operation is in the outbox before anything is
sent, and only a receipt takes it out.
"""

from __future__ import annotations

import json
import uuid
from http.client import HTTPConnection, HTTPException
from select import select
from typing import Any

Json = dict[str, Any]
WANT = 10


class Refused(Exception):
    """The server answered, but not with receipts: `status` and what it said."""

    def __init__(self, status: int, said: Json) -> None:
        super().__init__(f"{status}: {said.get('error', '')}")
        self.status, self.said = status, said


class Annotator:
    """One person's tab. `acknowledged` holds the id of every operation that a receipt came for."""

    def __init__(self, port: int, token: str, *, seconds: float = 60) -> None:
        self.token = token
        self.hand: list[Json] = []
        self.outbox: dict[str, Json] = {}
        self.acknowledged: dict[str, Json] = {}
        self.refused: dict[str, str] = {}
        self.done: Json | None = None
        self.progress: Json = {}
        self.beyond = False
        self.label_set = 0
        self.connection = HTTPConnection("127.0.0.1", port, timeout=seconds)

    # What a person does

    def label(self, value: str, *, ms: int = 900) -> str:
        """Answer the item on the screen; the next one is there at once."""
        return self._post("label", self.hand.pop(0), value=value, ms=ms)

    def skip(self) -> str:
        return self._post("skip", self.hand.pop(0))

    def flag(self, comment: str) -> str:
        """Note something on the item on the screen, which stays there."""
        return self._post("flag", self.hand[0], value=comment)

    def undo(self, uid: str, item: Json) -> str:
        """Take back one's answer `uid` to an item, which is on the screen again."""
        self.hand.insert(0, item)
        return self._post("undo", item, target=uid)

    def correct(self, uid: str, item: Json, value: str) -> str:
        """Another answer in place of one's answer `uid` to an item."""
        return self._post("label", {**item, "slot": None}, value=value, target=uid)

    def _post(self, kind: str, item: Json, **more: Any) -> str:
        uid = str(uuid.uuid4())
        self.outbox[uid] = {
            "uid": uid,
            "kind": kind,
            "slot": item["slot"],
            "item": item["item"],
            **more,
        }
        return uid

    # What the browser does

    def body(self, *, leaving: bool = False) -> Json:
        """What the next request says."""
        return {
            "token": self.token,
            "queue": "batch",
            "ops": list(self.outbox.values()),
            "holding": [item["slot"] for item in self.hand if item["slot"] is not None],
            "want": WANT,
            "beyond": self.beyond,
            "leaving": leaving,
            "label_set": self.label_set,
        }

    def sync(self, *, leaving: bool = False) -> Json:
        """One exchange. Raises OSError without a server, Refused if it acknowledges nothing."""
        status, said = self.post("sync", self.body(leaving=leaving))
        if status != 200:
            raise Refused(status, said)
        self.receive(said)
        return said

    def post(self, verb: str, body: Json) -> tuple[int, Json]:
        """One request: status and answer. Raises OSError when the line breaks."""
        if self.connection.sock is not None and select([self.connection.sock], [], [], 0)[0]:
            self.connection.close()  # the server has closed an idle line: a browser opens another
        try:
            self.send(verb, body)
            answer = self.connection.getresponse()
            return answer.status, json.loads(answer.read() or "{}")
        except (OSError, HTTPException) as error:
            self.connection.close()
            raise ConnectionError(str(error)) from error

    def send(self, verb: str, body: Json) -> None:
        """The first half of `post`: the request is under way."""
        self.connection.request("POST", f"/labeler/{verb}", json.dumps(body))

    def receive(self, said: Json) -> None:
        """Take in what the server told."""
        for receipt in said["receipts"]:
            op = self.outbox.pop(receipt["uid"], None)
            if receipt["state"] == "refused":
                self.refused[receipt["uid"]] = receipt["message"]
            elif op is not None:
                self.acknowledged[receipt["uid"]] = op
        if "progress" in said:
            self._fill(said)

    def _fill(self, said: Json) -> None:
        gone, waiting = set(said["gone"]), {op["slot"] for op in self.outbox.values()}
        shown, ahead = self.hand[:1], self.hand[1:]
        known = {item["item"] for item in self.hand}
        new = [i for i in said["items"] if i["item"] not in known and i["slot"] not in waiting]
        self.hand = shown + [item for item in ahead if item["slot"] not in gone] + new
        self.done, self.progress = said["done"], said["progress"]
        self.label_set = (said["label_set"] or {}).get("version", self.label_set)
        self.token = said.get("token") or self.token

    def reload(self) -> None:
        """The page is loaded anew: the outbox is kept by the browser, the hand is not."""
        self.hand, self.beyond, self.done = [], False, None
        self.connection.close()
