"""Cells that the server itself sends to a kernel, for the user who asked by REST.

jupyter-server-nbmodel has a queue of what users asked for, and sends it from a task in the
background. The code carries its user with it through that queue, so that nothing has to be guessed
where it is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_mlo.runs.noted import MEMBER

if TYPE_CHECKING:
    from jupyter_mlo.server.observer import Asked
    from jupyter_mlo.server.watching import Watching

_EXTENSION = "jupyter_server_nbmodel"


class _Code(str):
    """Code, and who asked for it."""

    asked: Asked


def watch_execution(serverapp: Any, watching: Watching) -> bool:
    """Watch what this server sends to kernels; whether it has somebody who does."""
    stacks = {
        id(stack): stack
        for extension in serverapp.extension_manager.extension_apps.get(_EXTENSION) or ()
        for handler in extension.handlers
        if len(handler) > 2 and (stack := handler[2].get("execution_stack")) is not None
    }
    for stack in stacks.values():
        _watch(stack, serverapp.kernel_manager, watching)
    return bool(stacks)


def _watch(stack: Any, kernels: Any, watching: Watching) -> None:
    put, client_of = stack.put, stack._get_local_client

    def noted_put(kernel_id: str, snippet: str, *rest: Any, **named: Any) -> Any:
        from jupyter_server import CallContext
        from tornado import web

        handler = CallContext.get(CallContext.JUPYTER_HANDLER)
        person = watching.person(handler.current_user)
        if why := watching.why_not(person, snippet):
            raise web.HTTPError(403, why.replace("\n  hint: ", "; "))
        metadata = rest[0] if rest else named.get("metadata")
        cell = metadata.get("cell_id") if isinstance(metadata, dict) else None
        code = _Code(snippet)
        cell = cell if isinstance(cell, str) and cell else None
        code.asked = watching.asked(person, str(snippet), cell)
        return put(kernel_id, code, *rest, **named)

    def noted_client(kernel_id: str) -> Any:
        client = client_of(kernel_id)
        channel = client.shell_channel
        if not hasattr(channel, "_jupyter_mlo"):
            channel._jupyter_mlo = send = channel.send

            def noted_send(message: Any) -> Any:
                try:
                    _note(message, kernels.get_kernel(kernel_id), watching)
                except Exception:
                    watching.failed("note a cell that the server sends")
                return send(message)

            channel.send = noted_send
        return client

    stack.put, stack._get_local_client = noted_put, noted_client


def _note(message: Any, kernel: Any, watching: Watching) -> None:
    code = message["content"].get("code")
    if not isinstance(code, _Code) or message["header"]["msg_type"] != "execute_request":
        return
    watching.sure(kernel)
    observer = watching.observer(str(kernel.kernel_id))
    if observer is None:
        return
    request_id = str(message["header"]["msg_id"])
    if observer.comes(request_id, code.asked.person):
        observer.asked(request_id, code.asked)
    note = watching.noted(code.asked.person).to_json(kernel.session.key, request_id)
    message["metadata"] = {**message.get("metadata", {}), MEMBER: note}
