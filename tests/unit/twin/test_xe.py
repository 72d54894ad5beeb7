# SPDX-FileCopyrightText: 2026 The xapi.network authors
# SPDX-License-Identifier: GPL-3.0-or-later
"""`xe` in dom0, and the commands on the life of xapi: what they print, what they refuse, and what becomes of the pool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.unit.twin.ground import THREE_HOSTS
from xapi_twin import shell
from xapi_twin.scenario.load import read_scenario
from xapi_twin.twin.pool import Twin


@pytest.fixture
async def twin() -> AsyncIterator[Twin]:
    async with await Twin.start(read_scenario(THREE_HOSTS, restart_seconds=0)) as twin:
        yield twin


async def typed(twin: Twin, command: str, host: str = "xs-1") -> str:
    output = await shell.run(twin.host(host), command)
    assert (output.stderr, output.status) == ("", 0), command
    return output.stdout


async def refused(twin: Twin, command: str, host: str = "xs-1") -> str:
    output = await shell.run(twin.host(host), command)
    assert (output.stdout, output.status) == ("", 1)
    return output.stderr


async def make_bond(twin: Twin, mode: str = "active-backup") -> str:
    return await typed(
        twin,
        "net=$(xe network-create name-label=NAS); eth2=$(xe pif-list host-name-label=xs-1 device=eth2 --minimal);"
        " eth4=$(xe pif-list host-name-label=xs-1 device=eth4 --minimal);"
        f" xe bond-create network-uuid=$net pif-uuids=$eth2,$eth4 mode={mode}",
    )


async def test_a_record_is_printed_with_aligned_names_and_two_blank_lines(twin: Twin) -> None:
    uuid = (await typed(twin, "xe network-create name-label=NAS name-description='the storage'")).strip()
    assert await typed(twin, f"xe network-list uuid={uuid}") == (
        f"uuid ( RO)                : {uuid}\n"
        "          name-label ( RW): NAS\n"
        "    name-description ( RW): the storage\n"
        "              bridge ( RO): xapi0\n\n\n"
    )


async def test_params_chooses_the_fields_but_not_their_order(twin: Twin) -> None:
    text = await typed(twin, "xe pif-list host-name-label=xs-2 device=eth2 params=IP,network-name-label,device")
    assert [line.split("(")[0].strip() for line in text.splitlines() if line] == ["device", "network-name-label", "IP"]


async def test_minimal_prints_the_first_field_and_commas(twin: Twin) -> None:
    assert await typed(twin, "xe host-list params=name-label --minimal") == "xs-3,xs-2,xs-1\n"
    assert await typed(twin, "xe bond-list --minimal") == "\n"


async def test_filters_are_all_applied_and_macs_are_compared_without_case(twin: Twin) -> None:
    assert (
        await typed(twin, "xe pif-list host-name-label=xs-1 physical=true IP-configuration-mode=Static params=device --minimal")
        == "eth2,eth0\n"
    )
    assert await typed(twin, "xe pif-list MAC=00:16:3E:00:03:04 params=host-name-label --minimal") == "xs-3\n"
    assert await typed(twin, "xe pif-list device=eth9") == ""


async def test_maps_are_filtered_and_written_by_key(twin: Twin) -> None:
    uuid = (await typed(twin, "xe pif-list host-name-label=xs-1 device=eth2 --minimal")).strip()
    await typed(twin, f"xe pif-param-set uuid={uuid} other-config:management_purpose=Storage disallow-unplug=true")
    assert await typed(twin, "xe pif-list other-config:management_purpose=Storage params=device --minimal") == "eth2\n"
    assert await typed(twin, f"xe pif-param-get uuid={uuid} param-name=other-config param-key=management_purpose") == "Storage\n"
    await typed(twin, f"xe pif-param-remove uuid={uuid} param-name=other-config param-key=management_purpose")
    assert await typed(twin, f"xe pif-param-get uuid={uuid} param-name=disallow-unplug") == "true\n"
    assert "read-only" in await refused(twin, f"xe pif-param-set uuid={uuid} device=eth7")


async def test_param_list_prints_every_field_with_its_mark(twin: Twin) -> None:
    text = await typed(twin, "uuid=$(xe network-list bridge=xenbr0 --minimal); xe network-param-list uuid=$uuid")
    assert "MTU ( RW): 1500\n" in text
    assert "other-config (MRW): \n" in text
    assert "PIF-uuids (SRO): " in text


async def test_a_bond_from_creation_to_destruction(twin: Twin) -> None:
    bond = (await make_bond(twin, "lacp")).strip()
    assert await typed(twin, "xe bond-list params=mode --minimal") == "lacp\n"
    assert "hashing_algorithm: tcpudp_ports" in await typed(twin, f"xe bond-param-get uuid={bond} param-name=properties")
    await typed(twin, f"xe bond-set-mode uuid={bond} mode=balance-slb")
    assert await typed(twin, "ovs-appctl bond/list | cut -f 1,2 | tail -1") == "bond0\tbalance-slb\n"
    await typed(twin, f"xe bond-destroy uuid={bond}")
    assert await typed(twin, "ovs-vsctl list-br | grep -c xenbr") == "6\n"
    await typed(twin, "xe network-destroy uuid=$(xe network-list name-label=NAS --minimal)")


async def test_addresses_vlans_and_plugging(twin: Twin) -> None:
    pif = (await typed(twin, "xe pif-list host-name-label=xs-2 device=eth3 --minimal")).strip()
    await typed(twin, f"xe pif-reconfigure-ip uuid={pif} mode=static IP=172.16.0.70 netmask=255.255.255.240")
    assert "inet 172.16.0.70/28" in await typed(twin, "ip -4 addr show xenbr3", "xs-2")
    await typed(twin, f"net=$(xe network-create name-label=Backup); xe vlan-create pif-uuid={pif} network-uuid=$net vlan=50")
    assert await typed(twin, "xe vlan-list params=tag --minimal") == "50\n"
    other = (await typed(twin, "xe pif-list host-name-label=xs-2 device=eth5 --minimal")).strip()
    await typed(twin, f"xe pif-unplug uuid={other}")
    assert "xenbr5" not in await typed(twin, "ovs-vsctl list-br", "xs-2")
    await typed(twin, f"xe pif-plug uuid={other}")
    assert "xenbr5" in await typed(twin, "ovs-vsctl list-br", "xs-2")


async def test_a_member_hands_its_commands_to_the_master(twin: Twin) -> None:
    uuid = (await typed(twin, "xe network-create name-label=NAS", "xs-3")).strip()
    assert twin.database.by_uuid("network", uuid)


async def test_tags_and_purposes_are_joined_with_commas_and_other_sets_with_semicolons(twin: Twin) -> None:
    """As records.ml has them, and a real xe prints them."""
    one = "uuid=$(xe network-list bridge=xenbr2 --minimal)"
    for name, values in (("tags", ("one", "two")), ("purpose", ("nbd",))):
        for value in values:
            await typed(twin, f"xe network-param-add {one} param-name={name} param-key={value}")
    assert await typed(twin, f"xe network-param-get {one} param-name=tags") == "one, two\n"
    assert await typed(twin, "xe network-list tags:contains=two params=bridge --minimal") == "xenbr2\n"
    assert "; " in await typed(twin, "xe network-param-get uuid=$(xe network-list bridge=xenbr2 --minimal) param-name=PIF-uuids")


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("xe pif-plug uuid=nothing", "The uuid you supplied was invalid.\ntype: PIF\nuuid: nothing\n"),
        ("xe pif-plug", "Required parameter not found: uuid\n"),
        ("xe pif-dance", "Unknown command: pif-dance\n"),
        ("xe pif-list colour=red", "Error: Unknown field 'colour'\n"),
        ("xe network-create name-label=N MTU=big", "Error: Failed to parse parameter 'MTU': expecting an integer\n"),
        ("xe bond-create network-uuid=x pif-uuids=y mode=active-backup", "The uuid you supplied was invalid.\ntype: network\nuuid: x\n"),
        ("xe bond-create network-uuid=$(xe network-list bridge=xenbr0 --minimal) pif-uuids= mode=round-robin", "The uuid you supplied was"),
        (
            "p=$(xe pif-list host-name-label=xs-1 device=eth3 --minimal);"
            " xe bond-create network-uuid=$(xe network-list bridge=xenbr0 --minimal) pif-uuids=$p mode=lacp",
            "Error code: NETWORK_ALREADY_CONNECTED\nError parameters: ",
        ),
    ],
)
async def test_what_xe_refuses(twin: Twin, command: str, complaint: str) -> None:
    assert (await refused(twin, command)).startswith(complaint)


async def test_xe_needs_the_xapi_of_its_own_host(twin: Twin) -> None:
    await typed(twin, "systemctl stop xapi", "xs-2")
    assert await refused(twin, "xe host-list", "xs-2") == "Error: Connection refused (calling connect )\n"
    assert await typed(twin, "xe host-list params=name-label --minimal") == "xs-3,xs-2,xs-1\n"


async def test_a_restart_of_a_members_xapi_brings_the_masters_bond(twin: Twin) -> None:
    await make_bond(twin)
    await typed(twin, "systemctl restart xapi && systemctl is-active xapi && xapi-wait-init-complete 60", "xs-2")
    assert await typed(twin, "ovs-appctl bond/list | tail -1 | cut -f 1", "xs-2") == "bond0\n"
    assert await typed(twin, "ovs-appctl bond/list | wc -l", "xs-3") == "1\n"


async def test_the_toolstack_restarts_and_the_cookie_tells_when_it_is_through(twin: Twin) -> None:
    assert await typed(twin, "xe-toolstack-restart", "xs-2") == "done.\n"
    await typed(twin, "xapi-wait-init-complete 60 && [ -e /var/run/xapi_init_complete.cookie ]", "xs-2")


async def test_the_state_of_the_service(twin: Twin) -> None:
    assert await typed(twin, "systemctl is-active xapi") == "active\n"
    await typed(twin, "service xapi stop 2>/dev/null")
    output = await shell.run(twin.host("xs-1"), "systemctl is-active xapi; systemctl is-active --quiet xapi")
    assert (output.stdout, output.status) == ("inactive\n", 3)
    output = await shell.run(twin.host("xs-1"), "systemctl restart nosuch")
    assert (output.stderr, output.status) == ("Failed to restart nosuch.service: Unit nosuch.service not found.\n", 5)


async def test_on_systemd_service_says_that_it_redirects() -> None:
    async with await Twin.start(read_scenario(THREE_HOSTS, restart_seconds=0)) as twin:
        output = await shell.run(twin.host("xs-2"), "service xapi restart")
        assert (output.stdout, output.stderr) == ("", "Redirecting to /bin/systemctl restart xapi.service\n")


async def test_xenserver_6_has_no_systemctl_and_its_own_words() -> None:
    async with await Twin.start(read_scenario(THREE_HOSTS, xapi="6.2.0", restart_seconds=0)) as twin:
        output = await shell.run(twin.host("xs-2"), "command -v systemctl; service xapi restart; service xapi status; service nosuch start")
        assert " ".join(output.stdout.split()) == "Stopping xapi: .. [ OK ] Starting xapi: OK [ OK ] xapi (pid 4303) is running..."
        assert output.stderr == "nosuch: unrecognized service\n"


async def test_ping_goes_where_there_is_a_network_and_a_host_with_power(twin: Twin) -> None:
    assert "0% packet loss" in await typed(twin, "ping -c 1 172.16.0.36")
    await twin.host("xs-2").power_off()
    output = await shell.run(twin.host("xs-1"), "ping -c 1 172.16.0.36")
    assert (output.status, "100% packet loss" in output.stdout) == (1, True)


async def test_what_open_vswitch_can_be_asked(twin: Twin) -> None:
    await make_bond(twin)
    assert (
        await typed(twin, "ovs-vsctl list-ports xapi0; ovs-vsctl list-ifaces xapi0; ovs-vsctl iface-to-br eth4")
        == "bond0\neth2\neth4\nxapi0\n"
    )
    assert (
        await typed(twin, "ovs-vsctl get Port bond0 bond_mode lacp; ovs-vsctl br-exists xapi0 && echo there")
        == "active-backup\noff\nthere\n"
    )
    output = await shell.run(twin.host("xs-1"), "ovs-appctl bond/show bond9; echo $?")
    assert (output.stdout, output.stderr) == ("2\n", "no such bond\novs-appctl: ovs-vswitchd: server returned an error\n")
    assert "Bridge xapi0" in await typed(twin, "ovs-vsctl show")


async def test_on_a_linux_bridge_open_vswitch_does_not_answer_and_brctl_does() -> None:
    text = THREE_HOSTS.replace("pool: ground", "pool: ground\nbackend: bridge")
    async with await Twin.start(read_scenario(text, restart_seconds=0)) as twin:
        await make_bond(twin)
        assert (await shell.run(twin.host("xs-1"), "ovs-vsctl list-br")).status == 1
        assert "xapi0\t\t8000.00163e000102\tno\t\tbond0\n" in await typed(twin, "brctl show")
        assert "Slave Interface: eth4\n" in await typed(twin, "cat /proc/net/bonding/bond0")
        assert await typed(twin, "cat /sys/class/net/bonding_masters /etc/xensource/network.conf") == "bond0\nbridge\n"


async def test_maps_and_sets_are_filtered_in_the_old_way_too(twin: Twin) -> None:
    await typed(twin, "xe network-param-set uuid=$(xe network-list bridge=xenbr2 --minimal) other-config:zone=blue")
    await typed(twin, "xe network-param-add uuid=$(xe network-list bridge=xenbr2 --minimal) param-name=tags param-key=storage")
    for words in ("other-config:zone=blue", "other-config-zone=blue", "tags:contains=storage"):
        assert await typed(twin, f"xe network-list {words} params=bridge --minimal") == "xenbr2\n", words
    assert await typed(twin, "xe network-list other-config:zone=red --minimal") == "\n"
    master = "uuid=$(xe vm-list is-control-domain=true resident-on=$(xe pool-list params=master --minimal) --minimal)"
    await typed(twin, f"xe vm-param-add {master} param-name=tags param-key=dom0")
    assert await typed(twin, "xe vm-list tags:contains=dom0 params=is-control-domain --minimal") == "true\n"
    assert await refused(twin, "xe network-list tags:has=storage") == (
        "Error: Invalid syntax for set filtering (should be set-param:contains=key)\n"
    )


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("xe pif-list colour", "Error: Unknown field 'colour'\n"),
        ("xe network-param-get uuid=$n param-name=colour", "Error code: Missing parameter\nError parameters: colour\n"),
        ("xe network-param-set uuid=$n colour=red", "Error: Unknown field 'colour'\n"),
        (
            "xe network-param-set uuid=$n other-config=red",
            "Error: Field 'other-config' is a map or set. use the 'name:key=value' syntax.\n",
        ),
        ("xe host-restart-agent uuid=x", "Unknown command: host-restart-agent\nFor usage run: 'xe help'\n"),  # XAPI has it, xe has not
        ("xe host-disable", "Error: Multiple matching hosts found. --multiple required to complete the operation\n"),
        ("xe host-evacuate", "Error: Multiple matching hosts found. Operation can only be performed on one host at a time\n"),
        ("xe host-disable host=xs-9", "Error: No matching hosts found\n"),
        ("xe event-wait class=car", "Error: Cli listening for class 'car' not currently implemented\n"),
        ("xe event-wait class=pif colour=red", "Error: key missing: colour\n"),
        (
            "xe host-call-plugin host-uuid=$(xe host-list name-label=xs-2 --minimal) plugin=colours fn=paint args:shade=red",
            "Error code: XENAPI_MISSING_PLUGIN\nError parameters: colours\n",
        ),
    ],
)
async def test_what_xe_refuses_of_what_is_not(twin: Twin, command: str, complaint: str) -> None:
    assert await refused(twin, f"n=$(xe network-list bridge=xenbr2 --minimal); {command}") == complaint


async def test_hosts_are_chosen_by_name_or_by_their_fields(twin: Twin) -> None:
    await typed(twin, "xe host-disable host=xs-2; xe host-disable name-label=xs-3; xe host-disable enabled=true")
    assert await typed(twin, "xe host-list enabled=true --minimal") == "\n"
    await typed(twin, "xe host-enable --multiple")
    assert await typed(twin, "xe host-list enabled=true params=name-label --minimal") == "xs-3,xs-2,xs-1\n"
    await typed(twin, "xe host-evacuate host=xs-2")


async def test_a_vlan_on_every_host(twin: Twin) -> None:
    pif = (await typed(twin, "xe pif-list host-name-label=xs-1 device=eth5 --minimal")).strip()
    made = await typed(twin, f"net=$(xe network-create name-label=Backup); xe pool-vlan-create pif-uuid={pif} network-uuid=$net vlan=50")
    assert len(made.splitlines()) == 3
    assert await typed(twin, "xe pif-list VLAN=50 params=host-name-label --minimal | tr , '\\n' | sort") == "xs-1\nxs-2\nxs-3\n"
    await typed(twin, f"xe vlan-destroy uuid={made.splitlines()[0]}")  # by its PIF, as it once was
    assert await typed(twin, "xe vlan-list params=tag --minimal") == "50,50\n"


async def test_an_ipv6_address(twin: Twin) -> None:
    pif = (await typed(twin, "xe pif-list host-name-label=xs-1 device=eth5 --minimal")).strip()
    await typed(twin, f"xe pif-reconfigure-ipv6 uuid={pif} mode=static ipv6=fd00::5/64")
    assert await typed(twin, f"xe pif-param-get uuid={pif} param-name=IPv6-configuration-mode") == "Static\n"


async def test_an_interface_of_a_vm_from_creation_to_destruction() -> None:
    text = THREE_HOSTS + "vms:\n  - {name: web, host: xs-1, state: running, networks: [eth2]}\n"
    async with await Twin.start(read_scenario(text, restart_seconds=0)) as twin:
        vif = (
            await typed(
                twin,
                "vm=$(xe vm-list name-label=web --minimal); net=$(xe network-list bridge=xenbr3 --minimal);"
                " xe vif-create device=7 vm-uuid=$vm network-uuid=$net mac=random",
            )
        ).strip()
        assert (await typed(twin, f"xe vif-param-get uuid={vif} param-name=MAC"))[1] in "26ae"  # a MAC that nobody was given
        await typed(twin, f"xe vif-plug uuid={vif}; xe vif-move uuid={vif} network-uuid=$(xe network-list bridge=xenbr4 --minimal)")
        assert "currently attached" in await refused(twin, f"xe vif-destroy uuid={vif}")
        await typed(twin, f"xe vif-unplug uuid={vif} --force; xe vif-destroy uuid={vif}")


async def test_a_wait_ends_when_an_object_is_as_wanted(twin: Twin) -> None:
    pif = (await typed(twin, "xe pif-list host-name-label=xs-2 device=eth5 --minimal")).strip()
    waiting = asyncio.ensure_future(typed(twin, f"xe event-wait class=pif uuid={pif} currently-attached=/=true"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await typed(twin, f"xe pif-unplug uuid={pif}")
    assert await asyncio.wait_for(waiting, 10) == ""


async def test_the_management_interface_of_a_member_is_taken_away_on_the_member(twin: Twin) -> None:
    await typed(twin, "xe host-management-disable", "xs-2")
    assert await typed(twin, "xe pif-list management=true params=host-name-label --minimal") == "xs-3,xs-1\n"


async def test_another_host_is_asked_with_a_password(twin: Twin) -> None:
    listing = "host-list params=name-label --minimal"
    assert await typed(twin, f"xe -s 172.16.0.10 -u root -pw twin {listing}", "xs-2") == "xs-3,xs-2,xs-1\n"
    assert await typed(twin, f"printf 'root\\ntwin\\n' > pw; xe {listing} -s 172.16.0.10 -pwf pw", "xs-2") == "xs-3,xs-2,xs-1\n"
    assert (await refused(twin, f"xe {listing} -s 172.16.0.10 -pw wrong", "xs-2")).startswith("Authentication failed\n")
    assert (await refused(twin, f"xe {listing} -s 172.16.0.10", "xs-2")).startswith("Authentication failed\n")
    assert "HOST_IS_SLAVE" in await refused(twin, f"xe {listing} -s 172.16.0.12 -pw twin")
    assert await refused(twin, f"xe {listing} -s 10.9.9.9 -pw twin") == "Lost connection to the server.\n"
    assert await typed(twin, f"xe -s localhost -pw twin {listing}") == "xs-3,xs-2,xs-1\n"
    assert (await refused(twin, f"xe -s localhost -pw wrong {listing}")).startswith("Authentication failed\n")
    # Its own xapi trusts root, whatever the password.
    assert await typed(twin, f"xe {listing} -u root -pw wrong") == "xs-3,xs-2,xs-1\n"


async def test_a_dump_of_the_database_is_a_file_in_dom0(twin: Twin) -> None:
    await typed(twin, "xe pool-dump-database file-name=/root/before.xml")
    assert "schema_major_vsn" in await typed(twin, "cat /root/before.xml")
    assert await refused(twin, "xe pool-dump-database file-name=/root/before.xml") == (
        'Operation failed. Error: Sys_error("/root/before.xml: File exists")\n'
    )


async def test_a_host_leaves_only_when_its_user_says_yes(twin: Twin) -> None:
    uuid = twin.host("xs-3").record["uuid"]
    assert "Aborted (you typed: '')" in await typed(twin, f"xe pool-eject host-uuid={uuid}")
    assert twin.database.by_uuid("host", uuid)
    assert "new pool" in await typed(twin, f"echo yes | xe pool-eject host-uuid={uuid}")
    assert [host["name_label"] for host in twin.database.all("host").values()] == ["xs-1", "xs-2"]


async def test_help_says_what_a_command_needs(twin: Twin) -> None:
    text = await typed(twin, "xe help pif-reconfigure-ip nosuch")
    assert "reqd params     : uuid, mode\n" in text
    assert "Unknown command 'nosuch'\n" in text
    assert "bond-create" in await typed(twin, "xe help")
    assert "bond-create,bond-destroy" in await typed(twin, "xe help --minimal")
