"""poplib: STLS, sign-in right and wrong, STAT LIST UIDL TOP RETR DELE RSET, download and keep, download and delete."""
import json
import poplib
import ssl
import sys

facts = json.load(open(sys.argv[1]))
patras = facts["servers"][1]
kostas = patras["accounts"][0]
tls = ssl.create_default_context(cafile=facts["ca"])


def connect(password):
    pop = poplib.POP3(patras["pop3"]["host"], patras["pop3"]["port"], timeout=60)
    assert "STLS" in pop.capa()
    pop.stls(context=tls)
    pop.user(kostas["user"])
    pop.pass_(password)
    return pop


try:
    connect("wrong")
    raise SystemExit("a wrong password was good enough")
except poplib.error_proto as error:
    assert b"[AUTH]" in error.args[0], error

pop = connect(kostas["password"])
count, octets = pop.stat()
assert count == 2, count
assert sum(int(line.split()[1]) for line in pop.list()[1]) == octets
uids = pop.uidl()[1]
lines = pop.retr(1)[1]
assert b"Subject: first" in lines and b".." in lines and b"." in lines, lines
assert sum(len(line) + 2 for line in lines) == int(pop.list(1).split()[2])
head = pop.top(2, 0)[1]
assert b"Subject: second" in head and not any(b"This is the letter" in line for line in head), head
assert pop.top(2, 1)[1][-1] == b"This is the letter about second."
pop.dele(1)
assert pop.stat()[0] == 1
pop.rset()
assert pop.stat()[0] == 2
pop.quit()

pop = poplib.POP3_SSL(patras["pop3s"]["host"], patras["pop3s"]["port"], context=tls, timeout=60)
pop.user(kostas["user"])
pop.pass_(kostas["password"])
assert pop.uidl()[1] == uids, "kept letters keep their names"
pop.dele(1)
pop.quit()

pop = connect(kostas["password"])
assert [line.split()[1] for line in pop.uidl()[1]] == [uids[1].split()[1]]
pop.quit()
print("done")
