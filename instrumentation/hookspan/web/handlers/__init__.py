"""What each path of the API is answered with: a function (context, arguments) -> a type of `schemas`.

Called on worker threads; they encode nothing and know no HTTP. Which path has which stands in `api.py`.
"""
