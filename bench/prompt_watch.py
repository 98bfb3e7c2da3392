"""A plugin as somebody outside would write it: flags texts that hold certain words."""

from __future__ import annotations

from gateway.plugin import Exchange, Plugin, PluginConfig, Reject, TextStream


class WatchConfig(PluginConfig):
    """What the policy says."""

    words: tuple[str, ...] = ()


class PromptWatch(Plugin):
    """Looks at the whole request and at every piece of a streamed answer."""

    name = "prompt_watch"
    Config = WatchConfig
    on_error = "continue"

    def on_request(self, x: Exchange) -> None:
        for span in x.request.spans():
            if any(word in span.text for word in self.config.words):
                x.flag("word_seen", side="request")

    def on_text(self, x: Exchange, text: TextStream) -> Reject | None:
        if any(word in text.text for word in self.config.words):
            x.flag("word_seen", side="response")
        return None
