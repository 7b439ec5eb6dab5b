"""Whether the provider accepts the key."""

from __future__ import annotations

from runtime_core.plugins.openai.access import Access, PluginRuntime
from runtime_core.plugins.openai.transport import open_transport


async def check_key(runtime: PluginRuntime) -> bool:
    """Ask the provider with the cheapest authenticated call; no key where one is needed is a no.

    Raises:
        SettingsError: A setting is malformed.
        ModelError: The provider could not be asked.
    """
    access = Access.read(runtime)
    if not access.is_open:
        return False
    async with open_transport() as transport:
        http = await transport.http()
        from runtime_core.adapters.openai.wire import WireModel  # noqa: PLC0415 - not on the way to an answer

        model = WireModel(http, base_url=access.base_url, api_key=access.api_key, timeout_s=access.timeout_s)
        return await model.check_key()
