"""An aiohttp application that refuses as Ollama does: JSON errors, and plain text for unknown paths and methods."""

import sys
import traceback
from collections.abc import Iterable

from aiohttp import web
from aiohttp.typedefs import Handler

from mdsa_server.embedded_ollama.wire import Refused, error_body, reply


def application(routes: Iterable[web.AbstractRouteDef]) -> web.Application:
    """Make an application of `routes`; bodies may be of any size, since the engine bounds nothing either."""
    app = web.Application(middlewares=[refusals], client_max_size=0)
    app.add_routes(routes)
    return app


async def serve(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, str]:
    """Listen; port 0 takes a free one. Gives the runner, to clean up, and the URL.

    A handler is cancelled when its client goes: that is how a disconnect stops a model.
    """
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, host, port).start()
    address = runner.addresses[0]
    name = f"[{address[0]}]" if ":" in address[0] else address[0]
    return runner, f"http://{name}:{address[1]}"


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what a handler refuses, and what no handler is for.

    A request with an Origin comes from a web page, and no page has business here.
    """
    if "Origin" in request.headers:
        return web.Response(status=403)
    try:
        return await handler(request)
    except Refused as refused:
        return reply(error_body(refused.text), refused.status)
    except web.HTTPNotFound:
        return _plain(404, "404 page not found")
    except web.HTTPMethodNotAllowed as wrong:
        return _plain(405, "405 method not allowed", Allow=", ".join(sorted(wrong.allowed_methods)))
    except (ConnectionError, web.HTTPException):
        raise
    except Exception as error:  # A fault of ours: the client is told, in a body it can read, and so is the log.
        traceback.print_exc(file=sys.stderr)
        return reply(error_body(f"{type(error).__name__}: {error}"), 500)


def _plain(status: int, text: str, **headers: str) -> web.Response:
    """Answer in plain text without a charset, as Ollama's router does."""
    return web.Response(status=status, body=text.encode(), headers={"Content-Type": "text/plain", **headers})
