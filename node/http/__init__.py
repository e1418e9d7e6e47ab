"""The node's HTTP edge: typed endpoints, problems, limits, deadlines, and their description.

It knows nothing of circles or tokens. See `endpoint`, `build_app` and `serve`.
"""

from node.http.app import Bearer, HttpApp, build_app
from node.http.endpoint import Endpoint, endpoint
from node.http.fields import Base64Url, Day, Instant, Model, encode_base64url
from node.http.limits import HttpLimits
from node.http.openapi import ApiInfo
from node.http.page import render_page, render_prose
from node.http.problem import STATUS, describe_problem
from node.http.reply import IMMUTABLE, Context, Reply
from node.http.serve import Listening, serve

__all__ = [
    "IMMUTABLE",
    "STATUS",
    "ApiInfo",
    "Base64Url",
    "Bearer",
    "Context",
    "Day",
    "Endpoint",
    "HttpApp",
    "HttpLimits",
    "Instant",
    "Listening",
    "Model",
    "Reply",
    "build_app",
    "describe_problem",
    "encode_base64url",
    "endpoint",
    "render_page",
    "render_prose",
    "serve",
]
