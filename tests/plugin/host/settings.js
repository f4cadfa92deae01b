// Settings > Plugins: a block for each plugin, with its settings and what plugins put beside them.
(function () {
  "use strict";

  const host = window.stashHost;
  const { createElement: h, Fragment, useState } = window.React;
  const { NavLink, useLocation } = window.ReactRouterDOM;

  const PLUGINS = `query Plugins { plugins { id name description version enabled settings { name display_name
    description type } } configuration { plugins } }`;
  const SAVE = "mutation Save($id: ID!, $input: Map!) { configurePlugin(plugin_id: $id, input: $input) }";
  const TABS = { interface: "Interface", tools: "Tools", plugins: "Plugins" };

  const Setting = host.component("Setting", ({ id, className, heading, subHeading, children }) =>
    h(
      "div",
      { className: `setting ${className || ""}`, id },
      h("div", null, h("h3", null, heading), subHeading && h("div", { className: "sub-heading" }, subHeading)),
      h("div", null, children),
    ),
  );

  function SettingGroup({ heading, subHeading, topLevel, children }) {
    return h(
      "div",
      { className: "setting-group" },
      h(Setting, { heading, subHeading }, topLevel),
      h("div", { className: "collapsible-section collapse show" }, children),
    );
  }

  function PluginSetting({ pluginID, setting, value, onChange }) {
    const [open, setOpen] = useState(false);
    const id = `plugin-${pluginID}-${setting.name}`;
    const heading = setting.display_name || setting.name;
    return h(
      Fragment,
      null,
      open && h(Modal, { heading, setting, value, close: (changed) => (setOpen(false), changed === undefined || onChange(changed)) }),
      h(
        "div",
        { className: "setting", id },
        h(
          "div",
          null,
          h("h3", null, heading),
          h("div", { className: "value" }, h("span", null, String(value ?? (setting.type === "NUMBER" ? 0 : "")))),
          setting.description && h("div", { className: "sub-heading" }, setting.description),
        ),
        h("div", null, h("button", { type: "button", className: "btn btn-primary", onClick: () => setOpen(true) }, "Edit")),
      ),
    );
  }

  function Modal({ heading, setting, value, close }) {
    const [text, setText] = useState(String(value ?? ""));
    const changed = () => (setting.type === "NUMBER" ? Number.parseInt(text || "0", 10) : text);
    return h(
      "div",
      { className: "modal", id: "setting-dialog", role: "dialog", "aria-label": heading },
      h("div", { className: "modal-header" }, heading),
      h("input", { className: "text-input form-control", "aria-label": heading, value: text, onChange: (event) => setText(event.target.value) }),
      h("button", { type: "button", className: "btn btn-secondary", onClick: () => close() }, "Cancel"),
      h("button", { type: "button", className: "btn btn-primary", onClick: () => close(changed()) }, "Confirm"),
    );
  }

  const PluginSettings = host.component("PluginSettings", ({ pluginID, settings }) => {
    const { kept, save } = window.React.useContext(Kept);
    const mine = kept[pluginID] || {};
    const rows = settings.map((setting) =>
      h(PluginSetting, {
        key: setting.name,
        pluginID,
        setting,
        value: mine[setting.name],
        onChange: (value) => save(pluginID, { ...mine, [setting.name]: value }),
      }),
    );
    return h("div", { className: "plugin-settings" }, rows);
  });
  const Kept = window.React.createContext({ kept: {}, save: () => {} });

  function Plugins() {
    const { data, again } = host.useQuery(PLUGINS);
    if (data === null) return h(host.LoadingIndicator);
    const save = (id, input) => host.graphql(SAVE, { id, input }).then(again);
    const groups = data.plugins.map((plugin) =>
      h(
        SettingGroup,
        {
          key: plugin.id,
          heading: `${plugin.name} (${plugin.version})`,
          subHeading: plugin.description,
          topLevel: h("button", { type: "button", className: "btn btn-primary btn-sm" }, "Disable"),
        },
        h(PluginSettings, { pluginID: plugin.id, settings: plugin.settings }),
      ),
    );
    return h(
      Kept.Provider,
      { value: { kept: data.configuration.plugins, save } },
      h("div", { className: "setting-section" }, h("h1", null, "Plugins"), h("div", { className: "card" }, h("div", null, groups))),
    );
  }

  const Tools = host.component("SettingsToolsSection", ({ children }) => h(Fragment, null, children));

  /** /settings, with its tabs. */
  host.Settings = function () {
    const tab = new URLSearchParams(useLocation().search).get("tab") || "interface";
    const links = Object.entries(TABS).map(([key, text]) =>
      h(
        "div",
        { key, className: "nav-item" },
        h(NavLink, { className: "nav-link", to: `/settings?tab=${key}`, isActive: () => key === tab }, text),
      ),
    );
    const pane = {
      plugins: () => h(Plugins),
      tools: () => h("div", { className: "setting-section" }, h("h1", null, "Tools"), h("div", { className: "card" }, h(Tools, null, null))),
      interface: () => h("div", { className: "setting-section" }, h("h1", null, "Interface")),
    }[tab];
    return h(
      "div",
      { className: "row no-gutters" },
      h("div", { id: "settings-menu-container" }, h("div", { className: "flex-column nav nav-pills" }, links)),
      h("div", { id: "settings-container", className: "tab-content" }, h("div", { className: "tab-pane active", id: `settings-tabs-tabpane-${tab}` }, pane())),
    );
  };
})();
