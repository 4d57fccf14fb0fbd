-- The page of an alert: /user/NAME.md, from the folder RUNBOOKS.
core.register_service("runbook", "http", function(applet)
    local name = applet.path:match("^/user/(%a+)%.md$")
    local file = name and io.open(os.getenv("RUNBOOKS") .. "/" .. name .. ".md")
    local text = file and file:read("a") or "there is no such page\n"
    if file then file:close() end
    applet:set_status(file and 200 or 404)
    applet:add_header("content-type", "text/markdown; charset=utf-8")
    applet:add_header("content-length", tostring(#text))
    applet:start_response()
    applet:send(text)
end)
