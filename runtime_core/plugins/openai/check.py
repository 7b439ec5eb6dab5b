"""Check of the API key."""

from __future__ import annotations

from runtime_core.plugins.openai.access import Access, PluginRuntime
from runtime_core.plugins.openai.transport import open_transport


async def check_key(runtime: PluginRuntime) -> bool:
    """Check the API key with the cheapest authenticated request.

    Returns:
        False if the provider rejects the key, or if a required key is missing.

    Raises:
        SettingsError: A setting is malformed.
        ModelError: The request failed.
    """
    access = Access.read(runtime)
    if not access.is_open:
        return False
    async with open_transport() as transport:
        http = await transport.http()
        from runtime_core.adapters.openai.wire import WireModel  # noqa: PLC0415 - answers do not need this check

        model = WireModel(http, base_url=access.base_url, api_key=access.api_key, timeout_s=access.timeout_s)
        return await model.check_key()
