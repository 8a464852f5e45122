"""A tenant is a world of its own: keys, channels, limits, randomness, and its end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from tests.mockserver.tenants.scene import NUMBER, OTHER, Silent, call, join, mock_with, on

from offhook.errors import CallStateError, ConfigError, JoinFailed, RequestRejected
from offhook.interfaces import Grant, Ids, LeaveReason, MemberLeft
from offhook.secret import Secret
from offhook.testing import LoopClock
from offhook_mockserver.callees.callee import CalleeEnd
from offhook_mockserver.callees.script import Answer, HangUp, Mute, NeverAnswer, Repeat, Script, SecondDevice
from offhook_mockserver.rooms.admission import JoinRefused, check_may_join
from offhook_mockserver.rooms.room_error import RoomError
from offhook_mockserver.server import InProcessMock, NotSeen, TenantBounds, TenantSettings
from offhook_mockserver.tenants.tenant import Tenants, mint_token

if TYPE_CHECKING:
    from offhook_mockserver.server import MockCall, Tenant

START = "/facetime/start-call"


def keys(tenant: Tenant) -> dict[str, str]:
    return {"sb-api-key-id": tenant.api_key.reveal(), "sb-api-secret-key": tenant.api_secret.reveal()}


def client(mock: InProcessMock, tenant: Tenant) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=mock.http(), base_url=mock.url, headers=keys(tenant))


# Randomness


def test_a_seed_determines_keys_and_application_and_another_seed_changes_them() -> None:
    def of(seed: str | int | None, ids: int) -> tuple[str, ...]:
        tenant = Tenants(Ids(ids)).create(seed=seed)
        return tenant.api_key.reveal(), tenant.api_secret.reveal(), tenant.app_id, tenant.certificate.reveal()

    assert of("one", 1) == of("one", 2)
    assert of(7, 1) == of("7", 2)
    assert not set(of("one", 1)) & set(of("two", 1))
    assert of(None, 1) == of(None, 1) != of(None, 2), "from the mock's own"


def test_a_call_is_the_same_whatever_other_tenants_do() -> None:
    async def alone(mock: InProcessMock) -> list[str]:
        tenant = mock.tenants.create(seed="mine")
        return seen([mock.calls.start(tenant, NUMBER, tenant.lines[0]) for _ in range(2)])

    async def among_others(mock: InProcessMock) -> list[str]:
        tenant, other = mock.tenants.create(seed="mine"), mock.tenants.create()
        calls: list[MockCall] = []
        for _ in range(2):
            for _ in range(3):
                mint_token(other, mock.calls.start(other, NUMBER, other.lines[0]))
            calls.append(mock.calls.start(tenant, NUMBER, tenant.lines[0]))
        return seen(calls)

    def seen(calls: list[MockCall]) -> list[str]:
        return [f"{call.channel} {call.room.free_uid()} {call.ids.hex(16)}" for call in calls]

    first = on(mock_with, alone)
    assert first == on(lambda: mock_with(seed=2), among_others)
    assert len(set(first)) == 2


@pytest.mark.parametrize("seed", [True, 1.5, b"x"])
def test_a_seed_is_text_or_a_whole_number(seed: str) -> None:
    with pytest.raises(ConfigError, match="seed must be text, a whole number or None"):
        Tenants(Ids(1)).create(seed=seed)


def test_two_tenants_of_a_mock_cannot_have_one_seed_at_the_same_time() -> None:
    async def test(mock: InProcessMock) -> None:
        tenant = mock.tenants.create(seed="x")
        with pytest.raises(ConfigError, match="another tenant of this mock has the same seed: remove it"):
            mock.tenants.create(seed="x")
        await mock.tenants.remove(tenant)
        mock.tenants.create(seed="x")

    on(mock_with, test)


@pytest.mark.parametrize(
    "arguments", [{"bounds": {}}, {"settings": 3}, {"lines": ()}, {"lines": ("1",)}, {"bounds": TenantBounds}]
)
def test_a_wrong_argument_is_refused_when_the_tenant_is_created(arguments: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        Tenants(Ids(1), LoopClock()).create(**arguments)  # type: ignore[arg-type]


# Isolation


@pytest.mark.fault("F46")
def test_another_tenants_channel_is_answered_as_one_that_never_existed() -> None:
    async def test(mock: InProcessMock) -> None:
        mine, other = mock.tenant, mock.tenants.create()
        theirs = mock.calls.start(other, NUMBER, other.lines[0])
        token = mint_token(mine, call(mock))

        def asked(channel: str, app_id: str = mine.app_id) -> tuple[int, str, str]:
            with pytest.raises(JoinRefused) as raised:
                check_may_join(mock.rooms, app_id, channel, Secret(token), 7, None)
            refusal = raised.value.refusal
            return raised.value.status, refusal.code, refusal.message.replace(channel, "CHANNEL")

        never = "ft_call_0000000000000000"
        assert asked(theirs.channel) == asked(never)
        assert asked(theirs.channel)[:2] == (404, "no_such_channel")
        stranger = "f" * 32
        assert asked(theirs.channel, stranger) == asked(never, stranger)
        assert asked(theirs.channel, stranger)[:2] == (403, "app_id")

        async def joined(channel: str) -> str:
            grant = Grant(mine.app_id, channel, Secret(token), 0, mock.url)
            with pytest.raises(JoinFailed) as raised:
                await mock.transport().join(grant, Silent())  # type: ignore[arg-type]
            return f"{type(raised.value)} {raised.value.message}".replace(channel, "CHANNEL")

        assert await joined(theirs.channel) == await joined(never)

    on(mock_with, test)


@pytest.mark.fault("F46")
def test_another_tenants_line_is_refused_as_one_that_never_existed() -> None:
    async def test(mock: InProcessMock) -> None:
        other = mock.tenants.create(lines=("+18885550198",))
        async with client(mock, mock.tenant) as http:

            async def refused(line: str) -> tuple[int, str]:
                answer = await http.post(START, json={"phoneNumber": NUMBER, "fromNumber": line})
                return answer.status_code, answer.text.replace(line, "LINE")

            assert await refused("+18885550198") == await refused("+18885550197")
        assert not other.journal.entries, "and it does not hear of it"

    on(mock_with, test)


def test_tenants_on_one_server_do_not_see_each_other() -> None:
    async def test(mock: InProcessMock) -> None:
        tenants = [mock.tenants.create() for _ in range(3)]
        for index, tenant in enumerate(tenants):
            tenant.scripts[NUMBER] = Script(f"hangs up for {index}", (Answer(), HangUp()))
            tenant.clock.advance(1 + index)

        async def story(tenant: Tenant) -> list[str]:
            settings = mock.environment_of(tenant)
            async with mock.phone(environment=settings) as phone, phone.dial(NUMBER) as up:
                await up.ended()
            await tenant.journal.wait_for(kind="call", where={"event": "ended"}, timeout_s=10)
            return [entry.text for entry in tenant.journal.entries if entry.kind.value == "call"]

        stories = await asyncio.gather(*map(story, tenants))
        assert [texts[0].rpartition("callee ")[2] for texts in stories] == [
            f"hangs up for {index}" for index in range(3)
        ]
        assert {len(texts) for texts in stories} == {2}
        assert [len(tenant.ended) for tenant in tenants] == [1, 1, 1]
        assert (len(mock.tenant.ended), mock.tenant.journal.entries) == (0, ())

    on(mock_with, test)


def test_a_tenants_own_script_is_played_before_the_mocks() -> None:
    async def test(mock: InProcessMock) -> None:
        mock.tenant.scripts[NUMBER] = Script("never answers", (NeverAnswer(),))
        assert call(mock).callee.script.summary == "never answers"
        assert call(mock, OTHER).callee.script.summary == "follows the test"

    on(mock_with, test)


# Bounds


def test_calls_of_one_tenant_are_bounded_and_leave_room_for_the_others() -> None:
    async def test(mock: InProcessMock) -> None:
        small, other = mock.tenants.create(bounds=TenantBounds(calls=2)), mock.tenants.create()
        body = {"phoneNumber": NUMBER, "fromNumber": small.lines[0]}
        async with client(mock, small) as http, client(mock, other) as others:
            statuses = [(await http.post(START, json=body)).status_code for _ in range(3)]
            answer = await http.post(START, json=body)
            assert statuses == [200, 200, 503]
            assert "this tenant has 2 calls, which is its limit" in answer.json()["message"]
            assert (await others.post(START, json=body)).status_code == 200
            await mock.tenants.end_calls(small)
            assert (await http.post(START, json=body)).status_code == 200
        refused = small.journal.search(kind="refusal", where={"status": 503})
        assert len(refused) == 2

    on(mock_with, test)


def test_members_of_all_channels_of_a_tenant_are_bounded() -> None:
    async def test(mock: InProcessMock) -> None:
        tenant = mock.tenants.create(bounds=TenantBounds(members=3))
        one, two = (mock.calls.start(tenant, number, tenant.lines[0]) for number in (NUMBER, OTHER))
        join(one)
        join(two)
        await asyncio.sleep(0.1)
        assert tenant.members == 4, "a callee joins in any case"
        with pytest.raises(RoomError, match="this tenant has 4 members in its channels, which is its limit"):
            one.room.check_space(8)
        one.room.check_space(7)
        call(mock).room.check_space(8)

    on(mock_with, test)


def test_a_flood_in_one_journal_drops_nothing_of_another() -> None:
    async def test(mock: InProcessMock) -> None:
        flooded = mock.tenants.create(bounds=TenantBounds(journal_entries=10))
        call(mock)
        async with client(mock, flooded) as http:
            for _ in range(50):
                await http.get("/nothing")
        assert (len(flooded.journal), flooded.journal.dropped) == (10, 40)
        assert mock.tenant.journal.dropped == 0

    on(mock_with, test)


@pytest.mark.parametrize("name", ["calls", "members", "journal_entries", "journal_bytes"])
def test_a_bound_is_at_least_1(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} must be at least 1"):
        TenantBounds(**{name: 0})


# Its end


def test_removing_a_tenant_ends_its_calls_and_its_keys_and_leaves_the_others() -> None:
    async def test(mock: InProcessMock) -> None:
        tenant = mock.tenants.create()
        up, other = mock.calls.start(tenant, NUMBER, tenant.lines[0]), call(mock)
        member = join(up)
        await asyncio.sleep(1)
        fresh = mock.calls.start(tenant, OTHER, tenant.lines[0])  # its task has not begun
        await mock.tenants.remove(tenant)
        await mock.tenants.remove(tenant)
        assert tenant.calls == {}
        assert {ended.channel for ended in tenant.ended} == {up.channel, fresh.channel}
        assert not member.present
        assert mock.rooms.get(up.channel) is mock.rooms.get(fresh.channel) is None
        assert tenant not in mock.tenants.all()
        assert not mock.rooms.knows(tenant.app_id)
        assert mock.rooms.get(other.channel) is other.room
        async with client(mock, tenant) as http:
            answer = await http.post(START, json={"phoneNumber": NUMBER, "fromNumber": tenant.lines[0]})
        assert answer.status_code == 401
        with pytest.raises(RoomError, match="this tenant was removed from the mock"):
            mock.calls.start(tenant, NUMBER, tenant.lines[0])
        assert tenant.journal.search(kind="call", where={"event": "ended"})

    on(mock_with, test)


def test_removing_a_tenant_ends_the_waits_for_its_journal() -> None:
    async def test(mock: InProcessMock) -> None:
        tenant = mock.tenants.create()
        waiting = asyncio.create_task(tenant.journal.wait_for(kind="call", timeout_s=100))
        await asyncio.sleep(1)
        await mock.tenants.remove(tenant)
        with pytest.raises(NotSeen, match="before the tenant was removed"):
            await waiting
        assert asyncio.get_running_loop().time() == 1

    on(mock_with, test)


def test_ending_its_calls_leaves_the_tenant() -> None:
    async def test(mock: InProcessMock) -> None:
        call(mock)
        await mock.tenants.end_calls(mock.tenant)
        assert len(mock.tenant.ended) == 1
        assert mock.calls.up == 0
        await mock.tenants.end_calls(mock.tenant)
        call(mock)

    on(mock_with, test)


def test_ended_calls_are_kept_with_their_audio_if_the_settings_say_so() -> None:
    async def test(mock: InProcessMock) -> list[MockCall]:
        for _ in range(20):
            started = call(mock)
            join(started)
            await asyncio.sleep(1)
            await mock.tenants.end_calls(mock.tenant)
        return list(mock.tenant.kept)

    kept = on(lambda: mock_with(settings=TenantSettings(keep_audio_s=0.5)), test)
    assert len(kept) == 16
    audio = kept[-1].callee.audio()
    assert len(audio.said) == 2 * audio.rate_hz, "a second of silence, which does not count against the limit"
    assert on(mock_with, test) == []


def test_a_dialled_call_that_breaks_a_bound_is_refused_to_the_program() -> None:
    async def test(mock: InProcessMock) -> None:
        async with mock.phone(environment={"OFFHOOK_FROM_NUMBER": "+18885550190"}) as phone:
            with pytest.raises(RequestRejected, match="is not a FaceTime line of this account"):
                async with phone.dial(NUMBER):
                    pass
        entries = mock.tenant.journal.search(kind="refusal", number=NUMBER)
        assert [entry.fields["status"] for entry in entries] == [400]

    on(mock_with, test)


def test_the_end_of_a_call_names_how_its_callees_part_ended() -> None:
    async def test(mock: InProcessMock) -> None:
        started = call(mock)
        caller = join(started)
        await asyncio.sleep(1)
        caller.leave()
        entry = await mock.tenant.journal.wait_for(kind="call", where={"event": "ended"}, timeout_s=1)
        assert (entry.fields["end"], entry.fields["answered"]) == (CalleeEnd.CALLER_LEFT.value, True)
        assert entry.text == "the call to +1415•••0123 has ended: caller hung up"
        assert mock.tenant.calls == {}

    on(mock_with, test)


def test_no_fault_can_be_made_for_a_tenant_that_was_removed() -> None:
    async def test(mock: InProcessMock) -> None:
        tenant = mock.tenants.create()
        join(mock.calls.start(tenant, NUMBER, tenant.lines[0]))
        tenant.faults.refused()
        removing = asyncio.create_task(mock.tenants.remove(tenant))
        await asyncio.sleep(0)
        with pytest.raises(CallStateError, match="this tenant was removed"):
            tenant.faults.refused()
        await removing
        with pytest.raises(CallStateError, match="this tenant was removed"):
            tenant.faults.refused()
        assert not mock.entrance.refusing

    on(mock_with, test)


@pytest.mark.fault("F56")
def test_the_seed_of_a_tenant_is_in_no_repr_and_no_message() -> None:
    async def test(mock: InProcessMock) -> None:
        tenant = mock.tenants.create(seed="sentinel-of-a-seed")
        assert "sentinel-of-a-seed" not in repr(tenant)
        with pytest.raises(ConfigError) as raised:
            mock.tenants.create(seed="sentinel-of-a-seed")
        assert "sentinel-of-a-seed" not in str(raised.value)

    on(mock_with, test)


@pytest.mark.fault("F55")
def test_second_devices_count_as_members_of_their_tenant() -> None:
    async def test(mock: InProcessMock) -> None:
        tenant = mock.tenants.create(bounds=TenantBounds(members=5))
        tenant.scripts[NUMBER] = Script("joins again and again", (Answer(), Repeat(1000, [SecondDevice()])))
        started = mock.calls.start(tenant, NUMBER, tenant.lines[0])
        join(started)
        most = 0
        for _ in range(20):
            most = max(most, tenant.members)
            await asyncio.sleep(0)
        assert most == 5
        await asyncio.sleep(1)
        assert started.end is CalleeEnd.FAILED
        assert started.events[-1].endswith("this tenant has 5 members in its channels, which is its limit")

    on(mock_with, test)


@pytest.mark.fault("F55")
def test_a_script_of_steps_that_take_no_time_leaves_other_tenants_their_turns() -> None:
    async def test(mock: InProcessMock) -> None:
        mock.tenant.scripts[NUMBER] = Script("mutes", (Answer(), Repeat(1000, [Mute()])))
        started = call(mock)
        join(started)
        turns = 0
        while not started.callee.finished:
            turns += 1
            await asyncio.sleep(0)
        assert 10 <= turns < 50

    on(mock_with, test)


def test_an_event_that_comes_after_the_end_of_a_call_leaves_no_timer() -> None:
    async def test(mock: InProcessMock) -> None:
        started = call(mock)
        join(started)
        await asyncio.sleep(1)
        await mock.tenants.end_calls(mock.tenant)
        started.callee.on_event(MemberLeft(7, LeaveReason.DROPPED))  # it was under way
        assert not mock.tenant.clock._timers

    on(mock_with, test)
