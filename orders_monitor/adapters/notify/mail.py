"""E-mail through an SMTP server: `smtps://` speaks TLS from the start, `smtp://` takes STARTTLS where it is offered.

A password is sent over TLS only. The mail is plain text; its Message-ID is the delivery's, the same whenever it is
sent again (RFC 5322, 3.6.4).
"""

import smtplib
import ssl
from contextlib import suppress
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from urllib.parse import SplitResult, unquote, urlsplit

from orders_monitor.adapters.notify.deadline import within
from orders_monitor.core.errors import NotDelivered
from orders_monitor.core.messages import Delivery

WAIT_S = 5.0
WHOLE_S = 20.0
OUR_NAME = "orders-monitor.invalid"  # a domain that is nobody's (RFC 6761): hosts' names tell too much


class Mail:
    """One SMTP server and the address that mails are from. Raises NotDelivered where either cannot be used."""

    def __init__(
        self,
        url: str,
        *,
        sender: str,
        context: ssl.SSLContext | None = None,
        wait_s: float = WAIT_S,
        whole_s: float = WHOLE_S,
    ) -> None:
        self._place, self._sender = _split(url), sender
        self._context, self._wait_s, self._whole_s = context, wait_s, whole_s
        if not sender:
            raise _failed("ORDERS_MONITOR_MAIL_FROM is not set: a mail is from somebody", alone=True)

    def __repr__(self) -> str:
        return "Mail(***)"

    def __call__(self, delivery: Delivery) -> None:
        """Send it. Raises NotDelivered, `unclear` where the server may have taken it and did not say so."""
        mail = mail_of(delivery, sender=self._sender)
        server = self._server()
        try:
            with within(self._whole_s, lambda: getattr(server, "sock", None)):
                self._greet(server)
                self._hand_over(server, mail)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                server.close()

    def _server(self) -> smtplib.SMTP:
        # Without a host nothing is connected yet.
        if self._place.scheme == "smtps":
            context = self._context or ssl.create_default_context()
            return smtplib.SMTP_SSL(timeout=self._wait_s, context=context, local_hostname=OUR_NAME)
        return smtplib.SMTP(timeout=self._wait_s, local_hostname=OUR_NAME)

    def _greet(self, server: smtplib.SMTP) -> None:
        """Connect, over TLS where that is to be had, and say who we are."""
        host, port = str(self._place.hostname), self._place.port or (465 if self._place.scheme == "smtps" else 25)
        try:
            server._host = host  # type: ignore[attr-defined]  # noqa: SLF001 - TLS asks for the certificate of this name
            server.connect(host, port)
            server.ehlo()
            if self._place.scheme == "smtp" and server.has_extn("starttls"):
                server.starttls(context=self._context or ssl.create_default_context())
                server.ehlo()
            self._log_in(server)
        except ssl.SSLCertVerificationError:
            raise _failed("its certificate is not trusted") from None
        except smtplib.SMTPAuthenticationError as error:
            raise _failed(f"it refuses the user or the password ({error.smtp_code})") from None
        except smtplib.SMTPResponseException as error:
            raise _failed(f"it answers {error.smtp_code}") from None
        except (OSError, UnicodeError, smtplib.SMTPException) as error:
            # Not chained: the driver's errors quote what was said.
            raise _failed(f"it cannot be reached ({type(error).__name__})") from None

    def _log_in(self, server: smtplib.SMTP) -> None:
        if self._place.username is None:
            return
        if not isinstance(server.sock, ssl.SSLSocket):
            raise _failed("it offers no TLS, and a password is not sent without", alone=True)
        server.login(unquote(self._place.username), unquote(self._place.password or ""))

    def _hand_over(self, server: smtplib.SMTP, mail: EmailMessage) -> None:
        try:
            server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            codes = ", ".join(sorted({str(code) for code, _ in error.recipients.values()}))
            raise _failed(f"it refuses the recipient ({codes})", alone=True) from None
        except smtplib.SMTPResponseException as error:
            raise _failed(f"it answers {error.smtp_code}") from None
        except (OSError, smtplib.SMTPException) as error:
            raise _failed(f"no answer came ({type(error).__name__})", unclear=True) from None
        with suppress(OSError, smtplib.SMTPException):
            server.quit()  # it has taken the mail; how it says good-bye changes nothing


def mail_of(delivery: Delivery, *, sender: str) -> EmailMessage:
    """The mail. A header that somebody wrote into an address or a subject is none. Raises NotDelivered."""
    mail = EmailMessage(policy=SMTP)
    try:
        mail["From"] = Address(addr_spec=sender)
        mail["To"] = Address(addr_spec=delivery.address.to)
        mail["Subject"] = " ".join(delivery.subject.split())
        mail["Message-ID"] = f"<{delivery.id}@{OUR_NAME}>"
        mail["Auto-Submitted"] = "auto-generated"
    except (ValueError, MessageError, IndexError):
        raise _failed("the address that it is from, or to, is none", alone=True) from None
    links = [f"{link.label}: {link.url}" for link in delivery.links]
    mail.set_content("\n".join((*delivery.lines, "", *links, "", f"message {delivery.id}")) + "\n", charset="utf-8")
    return mail


def _split(url: str) -> SplitResult:
    try:
        place = urlsplit(url)
        usable = place.scheme in ("smtp", "smtps") and bool(place.hostname) and place.port != 0
    except ValueError:
        usable = False
    if not usable or not all("!" <= character <= "~" for character in url):
        why = "ORDERS_MONITOR_SMTP_URL must be smtp://user:password@host:port or smtps://"
        raise _failed(why, alone=True)
    return place


def _failed(why: str, *, unclear: bool = False, alone: bool = False) -> NotDelivered:
    return NotDelivered(channel="email", why=why, unclear=unclear, alone=alone)
