"""The sign-in pages: plain HTML without script, in both languages. They speak HTTP; `qa.people.accounts` decides."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from html import escape
from urllib.parse import parse_qs, quote

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from qa import outage
from qa.errors import SpotcheckError, Unavailable
from qa.i18n import LANGUAGE_NAMES, LANGUAGES, N_, Translator, pick_language
from qa.people import signins
from qa.web import cookies, provider
from qa.web.clients import client_address
from qa.web.html import page
from qa.workbench import Workbench

LARGEST_FORM = 8_192
SIGNING_IN = 4
"""So many passwords are checked at a time."""
MOST_WAITING = 100


class SignInRoutes:
    """Routes of signing in and out on the workbench that `bench` gives."""

    def __init__(self, bench: Callable[[], Workbench]) -> None:
        self.bench = bench
        self._computing = CapacityLimiter(SIGNING_IN)

    def routes(self) -> list[Route]:
        """The routes, for `st.App`. `/auth` and `/oauth2callback` stand before Streamlit's own."""
        return [
            Route("/login", self.form, methods=["GET"]),
            Route("/login", self.check, methods=["POST"]),
            Route("/login/link", self.link, methods=["GET", "POST"]),
            Route("/login/oidc", self.vouched, methods=["GET"]),
            Route("/auth/login", self.away, methods=["GET"]),
            Route("/oauth2callback", self.back, methods=["GET"]),
            Route("/auth/logout", self.leave, methods=["GET", "POST"]),
        ]

    async def form(self, request: Request) -> Response:
        """The sign-in form; somebody signed in goes straight on."""
        if await self._is_signed_in(request):
            return RedirectResponse(cookies.safe_path(request.query_params.get("next", "/")), 303)
        return self._form(request)

    async def check(self, request: Request) -> Response:
        """The form sent: sign in, or show it again with the reason."""
        fields = await _fields(request)
        if fields is None:
            return self._form(request, status=413)
        login, password, wanted = (fields.get(name, "") for name in ("login", "password", "next"))
        bench, now = self.bench(), datetime.now(UTC)
        address = client_address(request.scope, bench.config)
        try:
            if self._computing.statistics().tasks_waiting >= MOST_WAITING:
                raise Unavailable(N_("Too many people are signing in at this moment. Try again in a few seconds."))
            # Threads of their own: whoever is signed in already never waits for passwords to be computed.
            signed_in = await to_thread.run_sync(
                lambda: signins.sign_in(bench, login, password, address=address, now=now), limiter=self._computing
            )
        except Exception as problem:
            error = outage.explain(problem)
            if error is None:
                raise
            return self._form(
                request, error, login=login, wanted=wanted, status=503 if isinstance(error, Unavailable) else 403
            )
        return await self._welcome(request, signed_in, cookies.safe_path(wanted or "/"))

    async def link(self, request: Request) -> Response:
        """A one-time link. Outside demo mode a button must be pressed, because chat programs open links to preview
        them."""
        bench, now = self.bench(), datetime.now(UTC)
        token = request.query_params.get("token", "")
        if request.method == "GET" and not bench.config.demo:
            return self._ask_for_link(request, token)
        if request.method == "POST":
            token = (await _fields(request) or {}).get("token", "")
        try:
            signed_in = await to_thread.run_sync(lambda: signins.sign_in_by_link(bench, token, now=now))
        except SpotcheckError as error:
            return self._form(request, error, status=403)
        return await self._welcome(request, signed_in, "/")

    async def away(self, request: Request) -> Response:
        """To the identity provider."""
        try:
            return await provider.to_provider(request)
        except SpotcheckError as error:
            return self._form(request, error, status=503)

    async def back(self, request: Request) -> Response:
        """Back from the identity provider; what does not hold is said."""
        try:
            return await provider.from_provider(request)
        except SpotcheckError as error:
            response = self._form(request, error, status=403)
            cookies.clear_cookies(response, self.bench().config, request.cookies)
            return response

    async def vouched(self, request: Request) -> Response:
        """The account of whom the provider vouched for is ours to find; so is its role, unless a claim gives it."""
        bench, now = self.bench(), datetime.now(UTC)
        identity = provider.identity(request) if bench.config.oidc else None
        if identity is None:
            return RedirectResponse("/login", 303)
        try:
            claim = bench.config.oidc_roles_claim
            roles = identity.roles(claim) if claim else None
            signed_in = await to_thread.run_sync(
                lambda: signins.sign_in_by_identity(bench, identity.name, now=now, roles=roles)
            )
        except SpotcheckError as error:
            response = self._form(request, error, status=403)
            cookies.clear_cookies(response, bench.config, request.cookies)
            return response
        return await self._welcome(request, signed_in, "/")

    async def leave(self, request: Request) -> Response:
        """Sign out. A link on another site cannot do it: that shows the sign-in page, which leads back."""
        bench, now = self.bench(), datetime.now(UTC)
        response = RedirectResponse("/login", 303)
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return response
        token = cookies.read_cookies(request.headers).get(cookies.cookie_name(bench.config))
        if token:
            await to_thread.run_sync(lambda: signins.sign_out(bench, token, now=now))
        cookies.clear_cookies(response, bench.config, request.cookies)
        return response

    # the rest is private

    async def _is_signed_in(self, request: Request) -> bool:
        bench, now = self.bench(), datetime.now(UTC)
        token = cookies.read_cookies(request.headers).get(cookies.cookie_name(bench.config))
        return (
            bool(token)
            and await to_thread.run_sync(lambda: signins.session_mark(bench, token or "", now=now)) is not None
        )

    async def _welcome(self, request: Request, signed_in: signins.SignedIn, path: str) -> Response:
        bench, now = self.bench(), datetime.now(UTC)
        before = cookies.read_cookies(request.headers).get(cookies.cookie_name(bench.config))
        if before:
            await to_thread.run_sync(lambda: signins.sign_out(bench, before, now=now))
        response = RedirectResponse(path, 303)
        cookies.set_cookie(response, bench.config, signed_in.token)
        return response

    def _translator(self, request: Request) -> Translator:
        config = self.bench().config
        chosen = request.query_params.get("lang")
        wishes = (chosen if chosen in LANGUAGES else None, request.headers.get("accept-language"))
        return Translator(pick_language(*wishes, default=config.language), config.time_zone)

    def _form(
        self,
        request: Request,
        error: SpotcheckError | None = None,
        *,
        login: str = "",
        wanted: str | None = None,
        status: int = 200,
    ) -> Response:
        _ = self._translator(request)
        config = self.bench().config
        wanted = cookies.safe_path(wanted if wanted is not None else request.query_params.get("next", "/"))
        lines = [f'<p class="error" role="alert">{escape(_.error(error))}</p>' if error else ""]
        if config.oidc:
            lines += self._provider_link(_)
        else:
            lines += _password_form(_, login, wanted, request.query_params.get("lang", ""))
        if config.demo:
            said = _("Demo: all data here is generated. Sign in with the links printed at start.")
            lines.append(f'<p class="note">{escape(said)}</p>')
        return HTMLResponse(page(_, _("Sign in"), "\n".join(lines), _languages(request, _, wanted)), status)

    def _provider_link(self, _: Translator) -> list[str]:
        try:
            return [
                '<a class="button"'
                f' href="{escape(provider.login_url())}">{escape(_("Sign in with your organisation"))}</a>'
            ]
        except Unavailable as error:
            return [f'<p class="error" role="alert">{escape(_.error(error))}</p>']

    def _ask_for_link(self, request: Request, token: str) -> Response:
        _ = self._translator(request)
        body = (
            f'<p>{escape(_("This link signs you in once."))}</p><form method="post" action="/login/link"><input'
            f' type="hidden" name="token" value="{escape(token)}"><button'
            f' type="submit">{escape(_("Sign in"))}</button></form>'
        )
        return HTMLResponse(page(_, _("Sign in"), body, ""))


def _password_form(_: Translator, login: str, wanted: str, lang: str) -> list[str]:
    action = "/login" + (f"?lang={quote(lang)}" if lang in LANGUAGES else "")
    focus = ("", " autofocus") if login else (" autofocus", "")
    return [
        f'<form method="post" action="{action}">',
        f'<input type="hidden" name="next" value="{escape(wanted)}">',
        f'<label for="login">{escape(_("Account"))}</label>',
        (
            '<input id="login" name="login" autocomplete="username" autocapitalize="none" spellcheck="false"'
            f' maxlength="100" required value="{escape(login[:100])}"{focus[0]}>'
        ),
        f'<label for="password">{escape(_("Password"))}</label>',
        (
            '<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1000"'
            f" required{focus[1]}>"
        ),
        f'<button type="submit">{escape(_("Sign in"))}</button></form>',
        f'<p class="note">{escape(_("No account or forgotten password? Ask your admin for a sign-in link."))}</p>',
    ]


def _languages(request: Request, _: Translator, wanted: str) -> str:
    links = [
        (
            f'<span aria-current="true">{escape(name)}</span>'
            if code == _.language
            else (
                f'<a href="/login?lang={code}&amp;next={escape(quote(wanted, safe=""))}"'
                f' lang="{code.replace("_", "-")}">{escape(name)}</a>'
            )
        )
        for code, name in LANGUAGE_NAMES.items()
    ]
    return " · ".join(links)


async def _fields(request: Request) -> dict[str, str] | None:
    """The fields of a small form; None when it is too large or not text."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > LARGEST_FORM:
            return None
    try:
        fields = parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=20, errors="strict")
    except ValueError:
        return None
    return {name: values[0] for name, values in fields.items()}
