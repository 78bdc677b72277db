"""Computes identity.json a second time, from its inputs alone, and exits with 1 where it differs.

Ed25519, Argon2id and ChaCha20-Poly1305 are OpenSSL's, the hashes Python's; the rest is written from
docs/PROTOCOL-identity.md, not from the Rust code. HChaCha20 (draft-irtf-cfrg-xchacha-03) is here, for want of it there.
"""

import base64
import hashlib
import json
import pathlib
import struct
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

FILE = pathlib.Path(__file__).with_name("identity.json")


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def prefixed(data):
    return varint(len(data)) + data


def text(string):
    return prefixed(string.encode())


def milliseconds(number):
    return struct.pack("<q", number)


def counter(number):
    return struct.pack("<Q", number)


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def stretch(secret, salt):
    return Argon2id(salt=salt, length=32, iterations=3, lanes=1, memory_cost=65536).derive(secret.encode())


def signer(seed):
    return Ed25519PrivateKey.from_private_bytes(seed)


def public(seed):
    return signer(seed).public_key().public_bytes_raw()


def hchacha20(key, nonce):
    state = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *struct.unpack("<8I", key), *struct.unpack("<4I", nonce)]

    def quarter(a, b, c, d):
        for sum, added, turned, by in [(a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)]:
            state[sum] = (state[sum] + state[added]) & 0xFFFFFFFF
            mixed = state[turned] ^ state[sum]
            state[turned] = (mixed << by | mixed >> 32 - by) & 0xFFFFFFFF

    for _ in range(10):
        for column in range(4):
            quarter(column, column + 4, column + 8, column + 12)
        for column in range(4):
            quarter(column, (column + 1) % 4 + 4, (column + 2) % 4 + 8, (column + 3) % 4 + 12)
    return struct.pack("<8I", *state[:4], *state[12:])


def xchacha20_poly1305(key, nonce):
    return ChaCha20Poly1305(hchacha20(key, nonce[:16])), bytes(4) + nonce[16:]


def account(given):
    name, email = given["name"], given["email"]
    salt = hashlib.sha256(text("msgsrouter account 1") + text(name) + text(email)).digest()
    seed = stretch(given["secret"], salt)
    form = "ed25519:" + base64url(public(seed))
    peer = '{"name":%s,"email":%s,"secret":"%s"}' % (name, email, form)
    return {
        "name": name,
        "email": email,
        "secret": given["secret"],
        "salt": salt.hex(),
        "seed": seed.hex(),
        "public_key": public(seed).hex(),
        "secret_form": form,
        "credential": hashlib.md5(peer.encode(), usedforsecurity=False).hexdigest(),
    }


def device(given, seed_of_account, credential):
    number, seed = bytes.fromhex(given["device"]), bytes.fromhex(given["seed"])
    keys = public(seed) + bytes.fromhex(given["identity_key"]) + milliseconds(given["enrolled_ms"])
    signed = text("msgsrouter enrolment 1") + credential + number + keys
    enrolment = keys + signer(seed_of_account).sign(signed)
    return {
        "device": number.hex(),
        "seed": seed.hex(),
        "device_key": public(seed).hex(),
        "identity_key": given["identity_key"],
        "enrolled_ms": given["enrolled_ms"],
        "text": signed.hex(),
        "enrolment": enrolment.hex(),
        "record": (bytes([1]) + number + seed + enrolment).hex(),
    }


def connection(given, credential, own):
    nonce = bytes.fromhex(given["nonce"])
    signed = text("msgsrouter connection 1") + nonce + text(given["host"]) + credential + bytes.fromhex(own["device"])
    signature = signer(bytes.fromhex(own["seed"])).sign(signed)
    proof = text(given["host"]) + bytes.fromhex(own["enrolment"]) + signature
    return {"nonce": given["nonce"], "host": given["host"], "text": signed.hex(), "proof": proof.hex()}


def device_list(given, peer, devices):
    body = bytes.fromhex(peer["credential"]) + text(peer["name"]) + text(peer["email"])
    body += text('"%s"' % peer["secret_form"]) + counter(given["counter"]) + milliseconds(given["signed_ms"])
    body += varint(len(devices)) + b"".join(bytes.fromhex(own["device"] + own["enrolment"]) for own in devices)
    body += varint(len(given["revoked"])) + b"".join(map(bytes.fromhex, given["revoked"]))
    signed = text("msgsrouter device list 1") + prefixed(body)
    signature = signer(bytes.fromhex(peer["seed"])).sign(signed)
    return {
        "counter": given["counter"],
        "signed_ms": given["signed_ms"],
        "revoked": given["revoked"],
        "body": body.hex(),
        "text": signed.hex(),
        "signed": (signature + prefixed(body)).hex(),
    }


def prekey(given, credential, own):
    fields = bytes.fromhex(given["key"]) + bytes([given["is_fallback"]]) + milliseconds(given["made_ms"])
    signed = text("msgsrouter prekey 1") + credential + bytes.fromhex(own["device"]) + fields
    signature = signer(bytes.fromhex(own["seed"])).sign(signed)
    return given | {"text": signed.hex(), "prekey": (fields + signature).hex()}


def digits(identity):
    value = hashlib.sha256(text("msgsrouter safety number 1") + identity).digest()
    for _ in range(5199):
        value = hashlib.sha256(value + identity).digest()
    return "".join("%05d" % (int.from_bytes(value[at : at + 5], "big") % 100000) for at in range(0, 30, 5))


def safety(one, other):
    one, other = (bytes.fromhex(peer["credential"] + peer["public_key"]) for peer in (one, other))
    number = "".join(sorted([digits(one), digits(other)]))
    return {"number": number, "qr_text": "msgsrouter:safety:1:" + base64url(one + other)}


def backup(given):
    salt, nonce, plain = (bytes.fromhex(given[name]) for name in ("salt", "nonce", "plain"))
    header = text("msgsrouter backup 1") + salt + nonce
    cipher, short_nonce = xchacha20_poly1305(stretch(given["passphrase"], salt), nonce)
    sealed = header + cipher.encrypt(short_nonce, plain, header)
    return given | {"sealed": sealed.hex()}


def phrase(given):
    def group(number):
        consonants, vowels = "bdfghjklmnprstvz", "aiou"
        first, second, third = number >> 12, number >> 6 & 15, number & 15
        return consonants[first] + vowels[number >> 10 & 3] + consonants[second] + vowels[number >> 4 & 3] + consonants[third]

    return given | {"phrase": "-".join(map(group, struct.unpack(">8H", bytes.fromhex(given["entropy"]))))}


def compute(given):
    accounts = [account(one) for one in given["accounts"]]
    ada, zoe = accounts[:2]
    credential, seed = bytes.fromhex(ada["credential"]), bytes.fromhex(ada["seed"])
    devices = [device(one, seed, credential) for one in given["devices"]]
    return {
        "accounts": accounts,
        "devices": devices,
        "connection": connection(given["connection"], credential, devices[0]),
        "list": device_list(given["list"], ada, devices),
        "prekeys": [prekey(one, credential, devices[0]) for one in given["prekeys"]],
        "safety": safety(ada, zoe),
        "backup": backup(given["backup"]),
        "pass_phrases": [phrase(one) for one in given["pass_phrases"]],
    }


def compare(path, given, computed):
    """The values that differ. Both sides must have the same members and lengths."""
    if isinstance(given, dict) and isinstance(computed, dict):
        return [line for name in sorted(given.keys() | computed.keys())
                for line in compare(f"{path}.{name}", given.get(name), computed.get(name))]
    if isinstance(given, list) and isinstance(computed, list) and len(given) == len(computed):
        return [line for at, pair in enumerate(zip(given, computed)) for line in compare(f"{path}[{at}]", *pair)]
    return [] if given == computed and type(given) is type(computed) else [f"{path}: {given!r} is not {computed!r}"]


def count(value):
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 1 if parts is None else sum(map(count, parts))


def main():
    given = json.loads(FILE.read_text(encoding="utf-8"))
    differences = compare("", given, compute(given))
    print("\n".join(differences) or f"    {count(given)} values of {FILE.name}: the same, computed a second time")
    sys.exit(1 if differences else 0)


main()
