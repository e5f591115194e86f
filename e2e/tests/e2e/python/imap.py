"""imaplib: STARTTLS, sign-in, folders, append, search, fetch, flags, copy, expunge, and the ring of IDLE."""
import imaplib
import json
import smtplib
import ssl
import sys

facts = json.load(open(sys.argv[1]))
athens, patras = facts["servers"]
anna, kostas = athens["accounts"][0], patras["accounts"][0]
tls = ssl.create_default_context(cafile=facts["ca"])


def good(answer):
    assert answer[0] == "OK", answer
    return answer[1]


imap = imaplib.IMAP4(patras["imap"]["host"], patras["imap"]["port"], timeout=60)
imap.starttls(ssl_context=tls)
try:
    imap.login(kostas["user"], "wrong")
    raise SystemExit("a wrong password was good enough")
except imaplib.IMAP4.error as error:
    assert "AUTHENTICATIONFAILED" in str(error), error
imap.authenticate("PLAIN", lambda _: f"\0{kostas['user']}\0{kostas['password']}".encode())
# imaplib does not ask again by itself after the sign-in.
capabilities = good(imap.capability())[0].decode().upper().split()
for capability in ["IMAP4REV1", "IDLE", "NAMESPACE", "UIDPLUS", "CHILDREN", "UNSELECT"]:
    assert capability in capabilities, capability

good(imap.create("Letters/&A6QDsQ-2026"))
good(imap.subscribe("Letters/&A6QDsQ-2026"))
assert any(b"Letters/" in line for line in good(imap.list()))
text = b"From: <kostas@patras.test>\r\nSubject: =?utf-8?q?=CE=A7=CE=B1=CE=AF=CF=81=CE=B5?=\r\n\r\nline\r\n"
appended = good(imap.append("Letters/&A6QDsQ-2026", "(\\Seen $Forwarded)", None, text))
assert b"APPENDUID" in appended[0], appended

assert good(imap.select("INBOX")) == [b"1"]
assert good(imap.search(None, "SUBJECT", '"by imaplib"')) == [b"1"]
flags, size = good(imap.fetch("1", "(FLAGS RFC822.SIZE)")), good(imap.fetch("1", "(BODY.PEEK[])"))
assert f"RFC822.SIZE {len(size[0][1])}".encode() in flags[0], flags
structure = good(imap.fetch("1", "(ENVELOPE BODYSTRUCTURE UID INTERNALDATE)"))[0]
assert b'"by imaplib"' in structure and b'"text" "plain"' in structure.lower(), structure
good(imap.store("1", "+FLAGS", "(\\Flagged)"))
assert b"\\Flagged" in good(imap.fetch("1", "(FLAGS)"))[0]
good(imap.copy("1", "Letters/&A6QDsQ-2026"))
assert b"MESSAGES 2" in good(imap.status("Letters/&A6QDsQ-2026", "(MESSAGES UIDNEXT UIDVALIDITY)"))[0]

# The ring: another connection waits in IDLE while Anna writes.
imap.send(b"%s IDLE\r\n" % (tag := imap._new_tag()))
assert imap.readline().startswith(b"+")
with smtplib.SMTP_SSL(athens["submissions"]["host"], athens["submissions"]["port"], context=tls, timeout=60) as smtp:
    smtp.login(anna["user"], anna["password"])
    smtp.sendmail(anna["address"], [kostas["address"]], "Subject: the ring\r\n\r\n")
while True:
    heard = imap.readline()
    assert heard, "the connection was closed"
    if b"2 EXISTS" in heard:
        break
imap.send(b"DONE\r\n")
while not imap.readline().startswith(tag + b" OK"):
    pass

good(imap.store("1", "+FLAGS", "(\\Deleted)"))
assert good(imap.expunge()) == [b"1"]
assert good(imap.search(None, "ALL")) == [b"1"]
good(imap.close())
good(imap.delete("Letters/&A6QDsQ-2026"))
imap.logout()
print("done")
