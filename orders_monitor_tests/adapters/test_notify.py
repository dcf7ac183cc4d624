"""The channels, each against a real server on this machine: what arrives, what does not, and what nobody ever reads."""

import json
import logging

import pytest

from orders_monitor.adapters.notify.log import log
from orders_monitor.adapters.notify.mail import Mail, mail_of
from orders_monitor.adapters.notify.webhook import Webhook, payload_of
from orders_monitor.core.errors import NotDelivered
from orders_monitor.core.escalation import Address
from orders_monitor.core.messages import Delivery, Link
from orders_monitor_tests.receivers import certificate, smtp, webhook

HOSTILE = "<!channel> <https://evil.example|click> & *bold* \r\nBcc: everybody@example.com\x1b[2J\u202e"
LINK = Link(label="decide", url="http://127.0.0.1:3001/cases/orders/2026-03-04?a=1&b=2")
OWNER = Address(channel="email", to="owner@example.com")


def told(*lines: str, subject: str = "orders 2026-03-04: held", to: Address = OWNER) -> Delivery:
    return Delivery(
        id="0123abcd", address=to, subject=subject, lines=lines or ("what: rows are missing",), links=(LINK,)
    )


def refused(channel, delivery: Delivery) -> tuple[str, bool, bool]:
    """Why it was not delivered, whether it may have been all the same, and whether only this one was not."""
    with pytest.raises(NotDelivered) as found:
        channel(delivery)
    assert "a-secret" not in repr(found.value)
    assert found.value.__cause__ is None
    assert found.value.__context__ is None or found.value.__suppress_context__
    return str(found.value), found.value.unclear, found.value.alone


def test_a_webhook_gets_one_post_that_slack_understands():
    """A delivery is one JSON of a header, a section of its lines, a section of its links, and its id."""
    with webhook() as hook:
        Webhook(hook.url)(told())

    assert ["0123abcd"] == hook.ids
    assert ["/services/T0/B0/a-secret"] == hook.asked
    assert [
        {
            "text": "orders 2026-03-04: held\nwhat: rows are missing",
            "blocks": [
                {"type": "header", "text": {"type": "plain_text", "text": "orders 2026-03-04: held", "emoji": False}},
                {
                    "type": "section",
                    "text": {
                        "type": "mrkdwn",
                        "text": "for: owner@example.com\nwhat: rows are missing",
                        "verbatim": True,
                    },
                },
                {
                    "type": "section",
                    "text": {
                        "type": "mrkdwn",
                        "text": "<http://127.0.0.1:3001/cases/orders/2026-03-04?a=1&amp;b=2|decide>",
                        "verbatim": True,
                    },
                },
                {"type": "context", "elements": [{"type": "plain_text", "text": "0123abcd", "emoji": False}]},
            ],
            "link_names": False,
            "parse": "none",
        }
    ] == hook.posted


def test_nothing_hostile_is_a_control_sequence_of_slack():
    """Brackets and ampersands of data are escaped in every text, and a long one ends before its limit."""
    payload = payload_of(told(HOSTILE, "&" * 5_000, *["x" * 2_000] * 99, subject=HOSTILE * 9))
    blocks = payload["blocks"]
    texts = [block["text"]["text"] for block in blocks if block["type"] == "section"]

    assert "&lt;!channel&gt; &lt;https://evil.example|click&gt; &amp; *bold*" in texts[0]
    assert "&amp" not in texts[1].replace("&amp;", "")
    assert (True, True, True) == (
        max(map(len, texts)) <= 3_000,
        len(blocks) <= 50,
        len(payload["text"]) <= 3_500,
    )
    assert 150 >= len(blocks[0]["text"]["text"])
    assert ["<http"] == sorted({text[text.index("<") :][:5] for text in texts if "<" in text})


@pytest.mark.parametrize(
    ("answer", "body", "why"),
    [
        ("301 Moved", b"", "it answers with a redirect (301), and a redirect is not followed"),
        ("404 Not Found", b"no_service", "it answers 404 (no_service)"),
        ("500 Oh", b"see https://hooks.example/a-secret", "it answers 500"),
        ("429 Slow", b"x" * 100_000, "it answers 429"),
    ],
)
def test_a_webhook_that_says_no_did_not_deliver(answer, body, why):
    """A redirect is not followed; a refusal is told by its number, and of its text only a word of Slack's own."""
    with webhook() as hook:
        hook.answer, hook.body = answer, body
        said = refused(Webhook(hook.url), told())

    assert (f"webhook: {why}", False, False) == said
    assert 1 == len(hook.asked)


@pytest.mark.parametrize(("answer", "why"), [("hang", "TimeoutError"), ("drip", "BadStatusLine|LineTooLong|OSError")])
def test_a_webhook_that_never_ends_is_left(answer, why):
    """Who takes the request and gives no answer may have read it: it is unclear, and it is over in time."""
    with webhook() as hook:
        hook.answer = answer
        said, unclear, _ = refused(Webhook(hook.url, wait_s=0.2, whole_s=0.3), told())

    assert unclear
    assert any(word in said for word in why.split("|")), said


def test_a_webhook_that_is_not_there_is_not_unclear():
    """What nobody listened to was not read; the error names neither the address nor its secret."""
    with webhook() as hook:
        url = hook.url
    assert ("webhook: it cannot be reached (ConnectionRefusedError)", False, False) == refused(Webhook(url), told())


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a-secret",
        "http:///a-secret",
        "http://u:a-secret@h/",
        "http://h/a b",
        "http://h:0/a-secret",
        "http://[a-secret",
    ],
)
def test_only_http_is_spoken(url):
    """Anything but a plain address of http or https is refused before anything is sent, and is not quoted."""
    with pytest.raises(NotDelivered) as found:
        Webhook(url)

    assert ("webhook: its URL must be one of http or https, without a user name or a space", True) == (
        str(found.value),
        found.value.alone,
    )
    assert "Webhook(***)" == repr(Webhook("http://h/a-secret"))


def test_tls_is_checked_for_webhook_and_mail(tmp_path):
    """A certificate that nobody trusts is refused by both; a trusted one is spoken to, and then a password is sent."""
    served, trusting = certificate(tmp_path)
    untrusted = "its certificate is not trusted"
    with webhook(served) as hook, smtp(served) as post:
        url = f"smtp://ada:p%40ss@127.0.0.1:{post.port}"
        said = refused(Webhook(hook.url), told())[0], refused(Mail(url, sender="om@example.com"), told())[0]
        Webhook(hook.url, context=trusting)(told())
        Mail(url, sender="om@example.com", context=trusting)(told())

    assert (f"webhook: {untrusted}", f"email: {untrusted}") == said
    assert (1, 1) == (len(hook.posted), len(post.mails))
    assert [line for line in post.said if line.startswith("AUTH")] == ["AUTH PLAIN AGFkYQBwQHNz"]


def test_a_mail_arrives_whole():
    """A mail is plain UTF-8 text from us to one address, with the delivery's id as its own."""
    with smtp() as post:
        Mail(f"smtp://127.0.0.1:{post.port}", sender="om@example.com")(told("what: Zeilen fehlen, größer als 5 €", "."))

    (mail,) = post.mails
    assert {
        "From": "om@example.com",
        "To": "owner@example.com",
        "Subject": "orders 2026-03-04: held",
        "Message-ID": "<0123abcd@orders-monitor.invalid>",
        "Auto-Submitted": "auto-generated",
    } == {name: mail[name] for name in ("From", "To", "Subject", "Message-ID", "Auto-Submitted")}
    assert "what: Zeilen fehlen, größer als 5 €\n.\n\ndecide: " + LINK.url + "\n\nmessage 0123abcd\n" == (
        mail.get_content().replace("\r\n", "\n")
    )
    assert ["rcpt TO:<owner@example.com>"] == post.recipients


def test_no_header_comes_from_a_text():
    """A line break in a subject ends no header, and an address that is more than one is refused."""
    subject = mail_of(told(subject=HOSTILE), sender="om@example.com").as_bytes().split(b"\r\n\r\n")[0]
    assert not [line for line in subject.split(b"\r\n") if line.lower().startswith(b"bcc")]
    for sender in ("om@example.com\r\nBcc: x@example.com", "", "nobody", "a@b, c@d"):
        with pytest.raises(NotDelivered, match="the address that it is from"):
            mail_of(told(), sender=sender)


@pytest.mark.parametrize(
    ("ill", "code", "why", "unclear", "alone"),
    [
        ("EHLO", "", "it cannot be reached (SMTPServerDisconnected)", False, False),
        ("MAIL", "451 later", "it answers 451", False, False),
        ("RCPT", "550 no", "it refuses the recipient (550)", False, True),
        ("TAKEN", "554 spam", "it answers 554", False, False),
        ("TAKEN", "", "no answer came (SMTPServerDisconnected)", True, False),
    ],
)
def test_a_mail_server_that_says_no_did_not_deliver(ill, code, why, unclear, alone):
    """Where it refuses is told by the number; who hangs up after the last line may have taken the mail."""
    with smtp() as post:
        post.ill, post.code = ill, code
        said = refused(Mail(f"smtp://127.0.0.1:{post.port}", sender="om@example.com"), told())

    assert (f"email: {why}", unclear, alone) == said


def test_a_good_bye_that_fails_loses_no_mail():
    """What the server has taken is delivered, whatever it says after."""
    with smtp() as post:
        post.ill, post.code = "QUIT", ""
        Mail(f"smtp://127.0.0.1:{post.port}", sender="om@example.com")(told())

    assert 1 == len(post.mails)


def test_a_password_is_sent_over_tls_only():
    """A server without TLS is not told the password; the reason is ours to mend, and nothing is quoted."""
    with smtp() as post:
        said = refused(Mail(f"smtp://ada:a-secret@127.0.0.1:{post.port}", sender="om@example.com"), told())

    assert ("email: it offers no TLS, and a password is not sent without", False, True) == said
    assert not [line for line in post.said if line.startswith("AUTH")]


@pytest.mark.parametrize("url", ["http://h", "smtp://", "smtp://h\r\nx", "smtp://[a-secret"])
def test_only_smtp_is_spoken(url):
    """Any other URL is refused in one sentence that quotes nothing of it; so is a mail from nobody."""
    with pytest.raises(NotDelivered, match=r"^email: ORDERS_MONITOR_SMTP_URL must be smtp://"):
        Mail(url, sender="om@example.com")
    with pytest.raises(NotDelivered, match=r"ORDERS_MONITOR_MAIL_FROM is not set"):
        Mail("smtp://h", sender="")


def test_the_log_is_one_line(caplog):
    """Whatever is in a delivery, it is one line in which nothing moves the cursor or turns the text around.

    One with a page of its own is told with that link instead of all its lines.
    """
    linked = told(HOSTILE, to=Address(to="#orders"))
    with caplog.at_level(logging.WARNING):
        log(linked.model_copy(update={"links": ()}))
        log(linked)

    assert (
        "orders 2026-03-04: held | for #orders | <!channel> <https://evil.example|click> & *bold* "
        r"\r\nBcc: everybody@example.com\x1b[2J\u202e | message 0123abcd"
    ) == caplog.messages[0]
    assert f"orders 2026-03-04: held | for #orders | decide: {LINK.url} | message 0123abcd" == caplog.messages[1]
    assert json.dumps(caplog.messages).isprintable()
