"""The page's server: API, live stream, login, files. Imported by the agent only when `dashboard.enabled` is on."""
