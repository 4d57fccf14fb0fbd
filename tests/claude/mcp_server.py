"""A tiny MCP server on stdin and stdout with one tool, `greet`, that fails (isError) for an empty name.

Standard library only.
"""

import json
import sys
from typing import Any

SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        info = {"name": "tiny", "version": "1"}
        return {"protocolVersion": params["protocolVersion"], "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "tools/list":
        return {"tools": [{"name": "greet", "description": "Greet somebody", "inputSchema": SCHEMA}]}
    if method == "tools/call":
        name = params["arguments"].get("name")
        text = f"Hello {name}" if name else "nobody to greet"
        return {"content": [{"type": "text", "text": text}], "isError": not name}
    return {}


for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        reply = {
            "jsonrpc": "2.0",
            "id": request["id"],
            "result": answer(request["method"], request.get("params") or {}),
        }
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()
