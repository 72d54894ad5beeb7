# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client against a pool: certificates, lost connections, restarts of the master."""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.xapi.network.plugins.module_utils._xapi import session as session_module
from ansible_collections.xapi.network.plugins.module_utils._xapi.connection import Connection
from ansible_collections.xapi.network.plugins.module_utils._xapi.errors import ConnectionLost, NetworkError, Unreachable, XapiFailure
from ansible_collections.xapi.network.plugins.module_utils._xapi.session import Session
from ansible_collections.xapi.network.tests.unit.rogue import Failure, Rogue
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from tests.integration.playing import connection
from xapi_twin.running import RunningTwin


@pytest.fixture
def twin() -> Iterator[RunningTwin]:
    with RunningTwin("tutorial", ssh=False, restart_seconds=0.3) as running:
        yield running


def session(twin: RunningTwin, **changes: Any) -> Session:
    return Session(Connection(**{**connection(twin), **changes}))


def test_a_read_of_some_hosts_has_their_pifs_and_everything_else_and_follows_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "FEW_HOSTS", 7)
    with RunningTwin("eight-hosts", ssh=False, restart_seconds=0.3) as twin, session(twin) as one, session(twin) as other:
        full = one.read()
        chosen = sorted(full["host"])[2:4]
        pifs = {ref: pif for ref, pif in full["pif"].items() if pif["host"] in chosen}
        metrics = {ref: full["pif_metrics"][ref] for ref in (pif["metrics"] for pif in pifs.values())}
        assert one.read_of(lambda records: chosen) == {**full, "pif": pifs, "pif_metrics": metrics}
        assert one.read_of(lambda records: ()) == {**full, "pif": {}, "pif_metrics": {}}
        (elsewhere,) = [ref for ref, pif in full["pif"].items() if pif["host"] not in chosen][:1]
        other.call("PIF.add_to_other_config", elsewhere, "seen", "yes")
        assert one.refresh()["pif"][elsewhere]["other_config"]["seen"] == "yes"


def test_of_few_hosts_everything_is_read_with_one_event_from() -> None:
    """A host that runs 26.10 waits before each of them, so that the three of a read of some hosts take longer than all that is there."""
    with RunningTwin("tutorial-26", ssh=False, restart_seconds=15.0) as twin, session(twin) as one:
        begun = time.monotonic()
        everything = one.read()
        took = time.monotonic() - begun
        assert took >= 0.05
        assert one.read_of(lambda records: ()) == everything
        assert twin.journal.methods()["event.from"] == 2


# certificates


class Certificate:
    """A certificate as XenServer makes it for itself: no extension says that it is an authority."""

    def __init__(self, folder: Path, address: str = "127.0.0.1") -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "xs-1")])
        now = datetime.now(timezone.utc)
        alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
        certificate = (
            builder.not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(alternative, critical=False)
            .sign(key, hashes.SHA256())
        )
        self.path = folder / "xapi-ssl.pem"
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        both = folder / "both.pem"
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        both.write_bytes(private + self.path.read_bytes())
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(both)
        self.fingerprint = sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return Certificate(tmp_path)


@pytest.fixture
def host(certificate: Certificate) -> Iterator[Rogue]:
    with Rogue(certificate=certificate.context) as rogue:
        yield rogue


def to(host: Rogue, **options: Any) -> Session:
    return Session(Connection(f"127.0.0.1:{host.port}", password="secret", timeout=5, **options))


def test_a_certificate_that_nobody_vouches_for_is_refused_and_its_fingerprint_shown(host: Rogue, certificate: Certificate) -> None:
    shown = ":".join(certificate.fingerprint.upper()[at : at + 2] for at in range(0, 64, 2))
    with (
        pytest.raises(Unreachable, match=f"cannot be trusted: self-signed certificate.*{shown}.*ca_path, or pin it with fingerprint"),
        to(host),
    ):
        pass
    assert host.arrived == []


def test_the_hosts_own_certificate_can_be_given_in_ca_path(host: Rogue, certificate: Certificate) -> None:
    with to(host, ca_path=str(certificate.path)):
        pass
    assert host.calls("session.login_with_password") == 1


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path, address="172.16.0.10")
    with Rogue(certificate=certificate.context) as host:
        with pytest.raises(Unreachable, match="IP address mismatch"), to(host, ca_path=str(certificate.path)):
            pass
        assert host.arrived == []


def test_another_authority_is_refused(host: Rogue, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with pytest.raises(Unreachable, match="cannot be trusted"), to(host, ca_path=str(Certificate(tmp_path / "other").path)):
        pass


@pytest.mark.parametrize("form", ["{0}", "{1}", "SHA256:{0}", "{2}, {0}"])
def test_a_pinned_fingerprint_is_all_the_trust_that_is_needed(host: Rogue, certificate: Certificate, form: str) -> None:
    digits = certificate.fingerprint
    colons = ":".join(digits.upper()[at : at + 2] for at in range(0, 64, 2))
    with to(host, fingerprint=form.format(digits, colons, "ab" * 32)):
        pass
    assert host.calls("session.login_with_password") == 1


def test_a_pinned_fingerprint_holds_for_a_certificate_of_another_name(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path, address="172.16.0.10")
    with Rogue(certificate=certificate.context) as host, to(host, fingerprint=certificate.fingerprint):
        pass


@pytest.mark.parametrize("options", [{}, {"validate_certs": False}])
def test_another_certificate_than_the_pinned_one_gets_no_password(host: Rogue, certificate: Certificate, options: dict[str, Any]) -> None:
    pinned = ("0" if certificate.fingerprint[0] != "0" else "1") + certificate.fingerprint[1:]
    with (
        pytest.raises(NetworkError, match=r"is not the pinned one.*Nothing was sent, the password neither"),
        to(host, fingerprint=pinned, **options),
    ):
        pass
    assert host.arrived == []


def test_the_pin_of_a_member_does_not_open_the_master(host: Rogue, tmp_path: Path) -> None:
    (tmp_path / "member").mkdir()
    own = Certificate(tmp_path / "member")
    with Rogue({"session.login_with_password": Failure(["HOST_IS_SLAVE", f"127.0.0.1:{host.port}"])}, own.context) as member:
        asked = to(member, fingerprint=own.fingerprint)
        match = rf"certificate of 127.0.0.1:{host.port} is not the pinned one.*add it to fingerprint"
        with pytest.raises(NetworkError, match=match), asked:
            pass
    assert host.arrived == []


def test_verification_can_be_switched_off(host: Rogue) -> None:
    with to(host, validate_certs=False):
        pass


def test_a_ca_path_that_holds_no_certificate_is_named(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    with pytest.raises(NetworkError, match=r"empty.pem holds no certificate in PEM form"):
        Session(Connection("xs-1", ca_path=str(empty)))


def test_a_session_over_tls_makes_one_connection(host: Rogue, certificate: Certificate) -> None:
    host.answers["pool.get_all"] = []
    with to(host, ca_path=str(certificate.path)) as found:
        for _number in range(3):
            found.call("pool.get_all")
    assert host.connections == 1


# a pool that misbehaves


def test_a_pool_is_read_in_one_call(twin: RunningTwin) -> None:
    with session(twin) as found:
        records = found.read()
    assert {host["name_label"] for host in records["host"].values()} == {"xs-1", "xs-2"}
    assert len(records["pif"]) == 12
    assert [entry.method for entry in twin.journal] == ["session.login_with_password", "event.from", "session.logout"]


def test_a_wrong_password_is_a_sentence(twin: RunningTwin) -> None:
    with pytest.raises(XapiFailure, match="does not accept the password of user root"), session(twin, password="wrong"):
        pass


def test_a_member_names_its_master(twin: RunningTwin) -> None:
    """The twin's hosts share one address and differ in their ports, so the master that the member names is not there."""
    with pytest.raises(Unreachable, match=r"^172\.16\.0\.10:"), session(twin, hostname=connection(twin, "xs-2")["hostname"], timeout=1):
        pass


def test_a_bond_whose_reply_is_lost_is_asked_for_once_and_is_there(twin: RunningTwin) -> None:
    twin.add_fault(when={"method": "Bond.create"}, do="drop", stage="after")
    with session(twin) as found:
        nics, network = storage(found)
        with pytest.raises(ConnectionLost):
            found.call("Bond.create", network, nics, "", "active-backup", {})
        assert len(found.read(("bond",))["bond"]) == 1
    assert twin.journal.count("Bond.create") == 1


def test_a_task_survives_a_lost_connection(twin: RunningTwin) -> None:
    twin.add_fault(when={"method": "event.from", "nth": 2}, do="drop")
    with session(twin) as found:
        nics, network = storage(found)
        bond = found.act("Bond.create", network, nics, "", "active-backup", {}, wait_timeout=20)
        assert list(found.read(("bond", "task"))["bond"]) == [bond]
        assert found.refresh()["task"] == {}
    assert twin.journal.count("Bond.create") == 1


def test_an_error_of_a_task_is_told_and_the_task_destroyed(twin: RunningTwin) -> None:
    with session(twin) as found:
        _nics, network = storage(found)
        with pytest.raises(XapiFailure) as caught:
            found.act("Bond.create", network, [], "", "active-backup", {}, wait_timeout=20)
        assert caught.value.code == "PIF_BOND_NEEDS_MORE_MEMBERS"
        assert found.read(("pool", "task"))["task"] == {}


def test_following_outlasts_a_restart_of_the_master(twin: RunningTwin) -> None:
    with session(twin) as found:
        nics, network = storage(found)
        found.read(("bond", "pif"))
        twin.run(twin.twin.host("xs-1").restart_xapi)
        twin.run(twin.twin.host("xs-1").init_complete.wait)
        with session(twin) as other:
            other.act("Bond.create", network, nics, "", "active-backup", {}, wait_timeout=20)
        deadline = time.monotonic() + 20
        assert any(len(records["bond"]) == 1 for records in found.follow(deadline))
        assert time.monotonic() < deadline
    logins = [entry for entry in twin.journal if entry.method == "session.login_with_password" and not entry.error]
    logouts = [entry for entry in twin.journal if entry.method == "session.logout" and not entry.error]
    assert len(logins) == 3
    assert len(logouts) == 2  # the first session ended with the xapi that had given it


def test_following_sees_a_change_at_once(twin: RunningTwin) -> None:
    with session(twin) as found, session(twin) as other:
        found.read(("network",))
        network = other.call("network.create", {"name_label": "NAS", "name_description": "", "MTU": "1500", "other_config": {}, "tags": []})
        began = time.monotonic()
        next(records for records in found.follow(time.monotonic() + 20) if network in records["network"])
        assert time.monotonic() - began < 1.0


def storage(found: Session) -> tuple[list[str], str]:
    """eth2 and eth4 of the master, and a new network."""
    records = found.read(("pool", "pif"))
    master = next(iter(records["pool"].values()))["master"]
    nics = [ref for ref, pif in records["pif"].items() if pif["host"] == master and pif["device"] in ("eth2", "eth4")]
    fresh = {"name_label": "NAS", "name_description": "", "MTU": "1500", "other_config": {}, "tags": []}
    return nics, found.call("network.create", fresh)
