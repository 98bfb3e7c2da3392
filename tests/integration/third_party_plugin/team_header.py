"""Refuses requests that do not say which team they are for."""

from gateway.plugin import Exchange, Plugin, PluginConfig, Reason, Reject


class TeamHeaderConfig(PluginConfig):
    teams: tuple[str, ...]


class TeamHeader(Plugin):
    name = "team_header"
    Config = TeamHeaderConfig

    def on_request_headers(self, x: Exchange) -> Reject | None:
        team = x.request.headers.get("x-team")
        if team is None or team not in self.config.teams:
            message = f"send x-team with one of {', '.join(self.config.teams)}"
            return Reject(Reason.PLUGIN_DENIED, message, code="team_unknown")
        x.flag("team", team=team)
        return None
