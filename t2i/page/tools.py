"""What MCP clients send to the tools that gradio makes of the endpoints."""

import gradio as gr
from mcp.types import CallToolRequest, ServerResult

from t2i.numbers import decimal_in, whole_in


def take_written_numbers(page: gr.Blocks) -> None:
    """Let "7" be 7 where a tool takes a number: language models often write it so, and MCP's check would refuse it."""
    tools, handlers = page.mcp_server_obj, page.mcp_server_obj.mcp_server.request_handlers
    call = handlers[CallToolRequest]

    async def call_with_numbers(request: CallToolRequest) -> ServerResult:
        name, values = request.params.name, request.params.arguments or {}
        schema = tools.get_input_schema(name)[0] if name in tools.tool_to_endpoint else {}
        for key, wanted in schema.get("properties", {}).items():
            value = values.get(key)
            if wanted.get("type") in ("integer", "number") and isinstance(value, str):
                number = whole_in(value.strip())
                if number is None and wanted["type"] == "number":
                    number = decimal_in(value)
                values[key] = value if number is None else number
        return await call(request)

    handlers[CallToolRequest] = call_with_numbers
