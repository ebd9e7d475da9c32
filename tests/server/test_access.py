"""Who gets in: every route refuses strangers, foreign pages and forged requests."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.httputil import url_concat
from tornado.websocket import websocket_connect

from jupyter_ml.aws.s3.handler import S3Access
from jupyter_ml.server.backend import Backend
from jupyter_ml.server.extension import routes
from jupyter_ml.server.topics import Topics
from jupyter_ml.testing import fresh_settings

SAMPLE = {"\\.": ".", r"([A-Z][A-Za-z]+)": "GetWorkspace", r"([^/]+)": "cancer", r"(/.*)?": "/"}


def patterns(tmp_path: Any) -> list[str]:
    """Return the pattern of each route that the extension registers."""
    backend = Backend(fresh_settings(tmp_path))
    table = routes(backend, Topics(backend.read), S3Access(lambda: backend.s3))
    return [pattern for pattern, _, _ in table]


def paths(tmp_path: Any) -> list[str]:
    """Return one address of each route that the extension registers."""
    found = patterns(tmp_path)
    for group, sample in SAMPLE.items():
        found = [pattern.replace(group, sample) for pattern in found]
    assert not [path for path in found if re.search(r"[()\[\]]", path)]
    return found


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
async def test_every_route_refuses_a_request_without_credentials(
    jp_serverapp: Any, jp_base_url: str, http_server_client: Any, tmp_path: Any, method: str
) -> None:
    statuses = {}
    for path in paths(tmp_path):
        url = jp_base_url + path
        body = b"{}" if method in {"POST", "PUT", "PATCH"} else None
        response = await http_server_client.fetch(
            url, method=method, body=body, raise_error=False, follow_redirects=False
        )
        statuses[path] = response.code
    assert set(statuses.values()) <= {403, 405}
    assert 403 in statuses.values()


async def test_every_route_of_a_running_server_is_in_the_table(
    jp_serverapp: Any, jp_base_url: str, tmp_path: Any
) -> None:
    running = [
        rule.matcher.regex.pattern
        for group in jp_serverapp.web_app.default_router.rules
        for rule in getattr(group.target, "rules", ())
        if getattr(rule.target, "__module__", "").startswith("jupyter_ml")
    ]
    table = [f"{jp_base_url}{pattern}$" for pattern in patterns(tmp_path)]
    assert sorted(running) == sorted(table)


async def test_the_websocket_refuses_a_stranger(
    jp_serverapp: Any, jp_http_port: int, jp_base_url: str, http_server: Any
) -> None:
    base = jp_base_url
    url = f"ws://127.0.0.1:{jp_http_port}{base}jupyter-ml/api/stream"
    with pytest.raises(HTTPClientError) as refused:
        await websocket_connect(HTTPRequest(url))
    assert refused.value.code == 403
    connection = await websocket_connect(
        HTTPRequest(url_concat(url, {"token": jp_serverapp.identity_provider.token}))
    )
    connection.close()


async def log_in(jp_serverapp: Any, fetch: Any, base: str) -> tuple[str, str]:
    """Return the cookies of a browser that logged in, and its XSRF token."""
    token = jp_serverapp.identity_provider.token
    response = await fetch(
        url_concat(f"{base}tree", {"token": token}), follow_redirects=False, raise_error=False
    )
    cookies = [line.split(";")[0] for line in response.headers.get_list("Set-Cookie")]
    response = await fetch(
        f"{base}login",
        headers={"Cookie": "; ".join(cookies)},
        raise_error=False,
        follow_redirects=False,
    )
    cookies += [line.split(";")[0] for line in response.headers.get_list("Set-Cookie")]
    xsrf = next(cookie for cookie in cookies if cookie.startswith("_xsrf=")).partition("=")[2]
    return "; ".join(cookies), xsrf


async def test_a_browsers_cookie_needs_the_xsrf_token_and_the_own_origin(
    jp_serverapp: Any, jp_base_url: str, http_server_client: Any
) -> None:
    base = jp_base_url
    cookie, xsrf = await log_in(jp_serverapp, http_server_client.fetch, base)
    url = f"{base}jupyter-ml/api/GetWorkspace"

    async def status(**headers: str) -> int:
        response = await http_server_client.fetch(
            url,
            method="POST",
            body=b"{}",
            headers={"Cookie": cookie, **headers},
            raise_error=False,
        )
        return int(response.code)

    assert await status() == 403
    assert await status(**{"X-XSRFToken": "forged"}) == 403
    assert await status(**{"X-XSRFToken": xsrf, "Origin": "https://evil.example"}) in {403, 404}
    assert await status(**{"X-XSRFToken": xsrf}) == 200


async def test_the_websocket_refuses_a_foreign_page_that_has_the_users_cookie(
    jp_serverapp: Any, jp_http_port: int, jp_base_url: str, http_server_client: Any
) -> None:
    cookie, _ = await log_in(jp_serverapp, http_server_client.fetch, jp_base_url)
    url = f"ws://127.0.0.1:{jp_http_port}{jp_base_url}jupyter-ml/api/stream"

    async def connect(origin: str) -> Any:
        headers = {"Cookie": cookie, "Origin": origin}
        return await websocket_connect(HTTPRequest(url, headers=headers))

    with pytest.raises(HTTPClientError) as refused:
        await connect("https://evil.example")
    assert refused.value.code == 403
    (await connect(f"http://127.0.0.1:{jp_http_port}")).close()


async def test_a_token_opens_the_api(jp_fetch: Any, workspace: Any) -> None:
    response = await jp_fetch("jupyter-ml", "api")
    answer = json.loads(response.body)
    assert answer["Workspace"] == str(workspace)
    assert answer["Region"] == "eu-test-1"
    assert not workspace.exists()


async def test_an_authorizer_that_denies_is_obeyed(
    jp_fetch: Any, jp_serverapp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def is_authorized(handler: Any, user: Any, action: str, resource: str) -> bool:
        asked.append((action, resource))
        return action == "read"

    monkeypatch.setattr(jp_serverapp.authorizer, "is_authorized", is_authorized)
    with pytest.raises(HTTPClientError) as denied:
        await jp_fetch("jupyter-ml", "api", "CreateModel", method="POST", body="{}")
    assert denied.value.code == 403
    assert json.loads(denied.value.response.body)["__type"] == "AccessDeniedException"
    with pytest.raises(HTTPClientError):
        await jp_fetch("jupyter-ml", "credentials")
    assert (await jp_fetch("jupyter-ml", "api")).code == 200
    assert asked == [
        ("write", "jupyter_ml"),
        ("execute", "jupyter_ml"),
        ("read", "jupyter_ml"),
    ]
