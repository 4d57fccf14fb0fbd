"""A tiny MCP server on stdin and stdout: `greet` fails (isError) for an empty name, `ask` asks the user (elicitation).

That the client has asked for its tools is seen by the file that the variable LISTED names, if it is set.
`greet` of "more" adds a tool, of which the client is notified, and which it has been told of when it gets the answer.
Standard library only.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

MORE = "more"
SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}

added: list[dict[str, Any]] = []


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        info = {"name": "tiny", "version": "1"}
        return {
            "protocolVersion": params["protocolVersion"],
            "capabilities": {"tools": {"listChanged": True}},
            "serverInfo": info,
        }
    if method == "tools/list":
        if listed := os.environ.get("LISTED"):
            Path(listed).touch()
        return {
            "tools": [
                {"name": "greet", "description": "Greet somebody", "inputSchema": SCHEMA},
                {"name": "ask", "description": "Ask the user", "inputSchema": {"type": "object", "properties": {}}},
                *added,
            ]
        }
    if method == "tools/call" and params["name"] == "ask":
        return {"content": [{"type": "text", "text": ask()}]}
    if method == "tools/call":
        name = params["arguments"].get("name")
        if name == MORE and not added:
            added.append({"name": MORE, "description": "Greet everybody", "inputSchema": SCHEMA})
            send({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"})
            serve(until="tools/list")
        text = f"Hello {name}" if name else "nobody to greet"
        return {"content": [{"type": "text", "text": text}], "isError": not name}
    return {}


def ask() -> str:
    """Ask the user whether to go on; what became of that."""
    schema = {"type": "object", "properties": {"sure": {"type": "boolean", "description": "Are you sure?"}}}
    params = {"message": "Go on?", "requestedSchema": schema}
    send({"jsonrpc": "2.0", "id": "ask", "method": "elicitation/create", "params": params})
    for line in sys.stdin:
        reply = json.loads(line)
        if reply.get("id") == "ask":
            return str(reply.get("result", {}).get("action"))
    return "nobody answered"


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def serve(until: str = "") -> None:
    """Answer requests to the end of the input, or until one of this method was answered."""
    for line in sys.stdin:
        request = json.loads(line)
        if "id" not in request:
            continue
        result = answer(request["method"], request.get("params") or {})
        send({"jsonrpc": "2.0", "id": request["id"], "result": result})
        if request["method"] == until:
            return


serve()
