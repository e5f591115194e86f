"""smtplib: STARTTLS, sign-in right and wrong, several recipients, a refused one, a letter with an attachment."""
import json
import smtplib
import ssl
import sys
from email.message import EmailMessage

facts = json.load(open(sys.argv[1]))
athens = facts["servers"][0]
anna = athens["accounts"][0]
tls = ssl.create_default_context(cafile=facts["ca"])

with smtplib.SMTP(athens["submission"]["host"], athens["submission"]["port"], timeout=60) as smtp:
    smtp.ehlo("laptop.test")
    for extension in ["starttls", "size", "pipelining", "8bitmime", "smtputf8", "enhancedstatuscodes", "chunking", "dsn"]:
        assert smtp.has_extn(extension), extension
    smtp.starttls(context=tls)
    smtp.ehlo("laptop.test")
    try:
        smtp.login(anna["user"], "wrong")
        raise SystemExit("a wrong password was good enough")
    except smtplib.SMTPAuthenticationError as error:
        assert error.smtp_code == 535, error
    smtp.login(anna["user"], anna["password"])
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = anna["address"], "kostas@patras.test", "by smtplib"
    letter.set_content("Γειά σου\n.\nκόσμε\n")
    letter.add_attachment(bytes(range(256)) * 40, maintype="application", subtype="octet-stream", filename="bytes")
    refused = smtp.send_message(letter, to_addrs=["kostas@patras.test", "nobody@athens.test"])
    assert list(refused) == ["nobody@athens.test"], refused
    assert refused["nobody@athens.test"][0] == 550, refused
    assert smtp.noop()[0] == 250 and smtp.rset()[0] == 250
    assert smtp.verify("anna@athens.test")[0] in (250, 252)

with smtplib.SMTP_SSL(athens["submissions"]["host"], athens["submissions"]["port"], context=tls, timeout=60) as smtp:
    smtp.login(anna["user"], anna["password"])
    assert smtp.mail(anna["address"], ["SIZE=999999999999"])[0] == 552
print("done")
