"""A person's devices, listed and pointed at by number or label: nobody types a key."""

from __future__ import annotations

from collections.abc import Sequence

from client.cli.prompts import confirm
from client.cli.words import moment, plain
from client.clock import unix_ms
from client.errors import InputRefused
from client.views import DeviceView

_STATUS = {"active": "in use", "frozen": "reported lost", "revoked": "ended"}


def tell_devices(devices: Sequence[DeviceView], this: bytes | None = None) -> str:
    """One line a device, with the number by which commands point at it."""
    return "\n".join(f"{number}. {_tell(device, this)}" for number, device in enumerate(devices, 1))


def device_name(device: DeviceView) -> str:
    """What its owner calls it."""
    what = "recovery sheet" if device.role == "recovery" else "device"
    return plain(device.label) or f"the {what}"


def confirm_end(devices: Sequence[DeviceView], ended: DeviceView, this: bytes, what: str) -> None:
    """Ask whether to do ``what`` to a device ("end {} for good"); it may be ``this`` very one.

    Raises click.Abort, InputRefused.
    """
    name = device_name(ended)
    if ended.key != this:
        return confirm(f"{what[0].upper()}{what[1:]}?".format(name))
    question = f"{name} is the device that you are using now: {what.format('it')}"
    if not any(_is_usable(each) for each in devices if each.key != this):
        question += ", though you have no other"
    return confirm(f"{question}?")


def _is_usable(device: DeviceView) -> bool:
    return device.status == "active" and device.role == "device"


def _tell(device: DeviceView, this: bytes | None) -> str:
    status = _STATUS.get(device.status, plain(device.status))
    told = f"{device_name(device).removeprefix('the ')}: {status}"
    now = unix_ms()
    if device.role == "recovery":
        told += ", a printed sheet"
    if device.status == "active" and device.active_from > now:
        told += f", usable from {moment(device.active_from)}"
    elif device.status == "active" and device.role == "device" and device.capped_until > now:
        told += f", moves little until {moment(device.capped_until)}"
    return f"{told}, this device" if device.key == this else told


def find_device(devices: Sequence[DeviceView], which: str) -> DeviceView:
    """The device with a number of the list, or a label. Raises InputRefused."""
    if which.isascii() and which.isdecimal() and 1 <= int(which[:6]) <= len(devices):
        return devices[int(which) - 1]
    named = [device for device in devices if device.label.casefold() == which.casefold()]
    if len(named) == 1:
        return named[0]
    if named:
        raise InputRefused(f"Several devices are called {which[:40]!r}: use the number instead.")
    raise InputRefused(f"There is no device {which[:40]!r}: use a number or name of the list.")


def device_fields(device: DeviceView) -> dict[str, object]:
    """A device for a program."""
    return {
        "key": device.key.hex(),
        "role": device.role,
        "label": device.label,
        "status": device.status,
        "active_from": device.active_from,
        "capped_until": device.capped_until,
    }
