"""What a page and its plugins ask of Stash beyond the library: plugins, their settings, their operations."""

from __future__ import annotations

import json
from typing import Any

from graphql import GraphQLError, build_schema, graphql_sync

from plugin.plugin_process import Plugin
from stash_library import Library, root
from stash_schema import NEW_STASH

PLUGINS = """
scalar Map
scalar Any
scalar PluginConfigMap
enum PluginSettingTypeEnum { STRING NUMBER BOOLEAN }
type PluginPaths { javascript: [String!] css: [String!] }
type PluginSetting { name: String! display_name: String description: String type: PluginSettingTypeEnum! }
type Plugin {
  id: ID!
  name: String!
  description: String
  url: String
  version: String
  enabled: Boolean!
  settings: [PluginSetting!]
  paths: PluginPaths!
}
extend type ConfigResult { plugins(include: [ID!]): PluginConfigMap! }
extend type Query { plugins: [Plugin!] }
extend type Mutation {
  runPluginOperation(plugin_id: ID!, args: Map): Any
  configurePlugin(plugin_id: ID!, input: Map!): Map!
}
"""


class PageGraphQL:
    """Answers a page's GraphQL.

    Attributes:
        settings: what the user has set, by plugin.
        operations: bodies that came, in order.
    """

    def __init__(self, library: Library, plugin: Plugin, base: str, server: dict[str, Any]) -> None:
        self.settings: dict[str, dict[str, Any]] = {}
        self.operations: list[dict[str, Any]] = []
        self._plugin = plugin
        self._server = server
        self._schema = build_schema(NEW_STASH + PLUGINS)
        known = root(library)
        configuration: Any = known["configuration"]
        self._root = {
            **known,
            "configuration": {**configuration, "plugins": self._configured},
            "plugins": [plugin.described(base)],
            "runPluginOperation": self._run,
            "configurePlugin": self._configure,
        }

    def answer(self, body: bytes) -> bytes:
        """A request's body → the answer's."""
        asked = json.loads(body)
        self.operations.append(asked)
        result = graphql_sync(
            self._schema, asked["query"], self._root, variable_values=asked.get("variables")
        )
        return json.dumps(result.formatted).encode()

    def _configured(self, _: Any, include: list[str] | None = None) -> dict[str, Any]:
        return {key: value for key, value in self.settings.items() if include is None or key in include}

    def _configure(self, _: Any, plugin_id: str, input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
        self.settings[plugin_id] = dict(input)
        return self.settings[plugin_id]

    def _run(self, _: Any, plugin_id: str, args: dict[str, Any] | None = None) -> Any:
        if plugin_id != self._plugin.id:
            raise GraphQLError(f"no plugin with ID {plugin_id}")
        return self._plugin.run(args or {}, self._server)
