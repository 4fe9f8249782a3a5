"""The machine's GPUs: what NVIDIA's library tells of them, or in words why nothing can be told."""

import platform
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from pynvml import (
    NVML_ERROR_DRIVER_NOT_LOADED,
    NVML_ERROR_LIBRARY_NOT_FOUND,
    NVML_TEMPERATURE_GPU,
    NVMLError,
    nvmlDeviceGetCount,
    nvmlDeviceGetHandleByIndex,
    nvmlDeviceGetMemoryInfo,
    nvmlDeviceGetName,
    nvmlDeviceGetTemperature,
    nvmlDeviceGetUtilizationRates,
    nvmlInit,
)

NO_DRIVER = "no NVIDIA driver here"
APPLE = "Apple's GPU shares the memory; its load cannot be read"


class Gpu(Struct, frozen=True, kw_only=True):
    """One GPU; None where it does not tell."""

    name: str
    load: float | None
    """The share of the last moment in which it worked, 0 to 1."""
    memory_used: int | None
    """In bytes, of all programs."""
    memory_total: int | None
    temperature: int | None
    """In degrees Celsius."""


class Gpus:
    """Reads them. Blocks: NVIDIA's library waits for its driver."""

    def __init__(self) -> None:
        self._begun = False

    def read(self) -> tuple[tuple[Gpu, ...], str]:
        """Give the GPUs, and where there are none or they cannot be read, why."""
        if platform.system() == "Darwin" and platform.machine() == "arm64":
            return (), APPLE
        try:
            if not self._begun:
                nvmlInit()
                self._begun = True
            count = nvmlDeviceGetCount()
            gpus = tuple(_read(nvmlDeviceGetHandleByIndex(place)) for place in range(count))
        except NVMLError as error:
            self._begun = False
            missing = error.value in (NVML_ERROR_LIBRARY_NOT_FOUND, NVML_ERROR_DRIVER_NOT_LOADED)
            return (), NO_DRIVER if missing else f"the NVIDIA driver says: {error}"
        return gpus, "" if gpus else "the NVIDIA driver knows of no GPU"


def _read(handle: object) -> Gpu:
    """Ask one GPU for all; what one is too old to tell, it refuses by itself."""
    name = nvmlDeviceGetName(handle)
    memory = _told(nvmlDeviceGetMemoryInfo, handle)
    rates = _told(nvmlDeviceGetUtilizationRates, handle)
    return Gpu(
        name=name.decode(errors="replace") if isinstance(name, bytes) else name,
        load=rates.gpu / 100 if rates else None,
        memory_used=memory.used if memory else None,
        memory_total=memory.total if memory else None,
        temperature=_told(nvmlDeviceGetTemperature, handle, NVML_TEMPERATURE_GPU),
    )


def _told(ask: Callable[..., Any], *question: object) -> Any:
    """Give what is asked for; None where it is refused."""
    try:
        return ask(*question)
    except NVMLError:
        return None
