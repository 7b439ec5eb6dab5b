"""The plugin `weather`: an action, a provider, a service and a route around one almanac."""

from __future__ import annotations

from runtime_core import (
    Action,
    ActionOptions,
    ActionResult,
    Context,
    Memory,
    Plugin,
    Provider,
    ProviderResult,
    Route,
    RouteRequest,
    Service,
    State,
)

__all__ = ["get_weather_plugin"]


class Almanac(Service):
    """The weather of every city. A real one opens a client in `start` and closes it in `stop`."""

    service_type = "ALMANAC"
    capability = "The agent can look up the weather of a city."

    def __init__(self, unit: str) -> None:
        self.unit = unit

    @classmethod
    async def start(cls, runtime: Context) -> Almanac:
        return cls(str(runtime.get_setting("WEATHER_UNIT", "C")))

    async def stop(self) -> None:
        """Nothing is open."""

    def temperature(self, city: str) -> str:
        return f"{len(city) + 10} °{self.unit}"


async def tell_weather(runtime: Context, message: Memory, state: State, options: ActionOptions) -> ActionResult:
    city = options.parameters["city"]
    temperature = runtime.get_service("ALMANAC").temperature(city)
    return ActionResult(text=f"{temperature} in {city}", data={"city": city, "temperature": temperature})


async def season(runtime: Context, message: Memory) -> ProviderResult:
    return ProviderResult(text="It is autumn.", values={"season": "autumn"})


async def read_weather(request: RouteRequest, runtime: Context) -> dict[str, str]:
    city = request.params["city"]
    return {"city": city, "temperature": runtime.get_service("ALMANAC").temperature(city)}


def get_weather_plugin() -> Plugin:
    """Make the plugin. An entry point may also name a `Plugin` value."""
    return Plugin(
        name="weather",
        description="Knows the weather",
        actions=(
            Action(
                name="TELL_WEATHER",
                description="Looks up the weather of a city.",
                handler=tell_weather,
                similes=("WEATHER",),
                parameters={
                    "type": "object",
                    "properties": {"city": {"type": "string", "description": "Name of the city"}},
                    "required": ["city"],
                },
            ),
        ),
        providers=(Provider(name="SEASON", get=season, description="The season"),),
        services=(Almanac,),
        routes=(Route(type="GET", path="/today/:city", handler=read_weather, public=True),),
        settings=("WEATHER_UNIT",),
        priority=50,
    )
