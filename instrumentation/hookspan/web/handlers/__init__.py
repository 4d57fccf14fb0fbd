"""The handlers of the API's paths: functions (context, arguments) -> a type of `schemas`.

Called on worker threads; they encode nothing and know no HTTP. Which path has which stands in `api.py`.
"""
