"""What programs get from the page's API, as tests compare it."""

import anyio
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from PIL import Image


def opened(file: str) -> Image.Image:
    with Image.open(file) as image:
        image.load()
    return image


def pixels(images: list[Image.Image]) -> list[bytes]:
    return [image.tobytes() for image in images]


def mcp_answers(address: str, calls: dict[str, dict]) -> tuple[list[str], dict]:
    """Names of the MCP server's tools, and what it answers to calls of them."""

    async def ask():
        async with (
            streamable_http_client(f"{address}/gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            names = [tool.name for tool in (await session.list_tools()).tools]
            return names, {name: await session.call_tool(name, values) for name, values in calls.items()}

    return anyio.run(ask)
