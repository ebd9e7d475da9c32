"""Admission: first come, first served, by capacity, and nobody starves."""

from __future__ import annotations

from jupyter_ml.engine.admission import Demand, admit, obstacles
from jupyter_ml.engine.machine import Gpu, Machine
from jupyter_ml.engine.work import Work

LAPTOP = Machine(2, (0, 1), 8192)
STATION = Machine(16, tuple(range(16)), 65536, (Gpu(0, "a", 1), Gpu(1, "b", 1)))


def job(identity, cpus=1.0, memory=1024, gpus=0, held=()):
    return Demand(identity, cpus, memory, gpus, is_service=False, gpu_ids=held)


def service(identity, cpus=2.0, memory=8192, gpus=0):
    return Demand(identity, cpus, memory, gpus, is_service=True)


def ids(grants):
    return [grant.id for grant in grants]


def test_no_more_is_admitted_than_there_are_cpus():
    assert ids(admit([job(i) for i in range(5)], [], LAPTOP)) == [0, 1]
    assert ids(admit([job(2)], [job(0), job(1)], LAPTOP)) == []


def test_a_large_job_is_not_overtaken_by_small_ones():
    queue = [job(1, cpus=2), job(2, cpus=1)]
    assert ids(admit(queue, [job(0, cpus=1)], LAPTOP)) == []


def test_one_that_waits_for_a_gpu_holds_up_only_what_it_needs():
    running = [job(0, gpus=2, held=(0, 1))]
    assert ids(admit([job(1, gpus=1), job(2)], running, STATION)) == [2]


def test_gpus_are_leased_to_one_at_a_time():
    grants = admit([job(1, gpus=1), job(2, gpus=1), job(3, gpus=1)], [], STATION)
    assert [(grant.id, grant.gpu_ids) for grant in grants] == [(1, (0,)), (2, (1,))]


def test_a_laptop_runs_an_endpoint_and_a_job_in_either_order():
    assert ids(admit([job(1, cpus=2, memory=8192)], [service(0)], LAPTOP)) == [1]
    assert ids(admit([service(1)], [job(0, cpus=2, memory=8192)], LAPTOP)) == [1]


def test_memory_is_reserved():
    assert ids(admit([job(1, memory=6000)], [job(0, memory=6000)], LAPTOP)) == []


def test_work_without_limits_runs_side_by_side_within_reason():
    queue = [job(i, cpus=None, memory=None) for i in range(9)]
    assert ids(admit(queue, [], LAPTOP)) == [0, 1]
    assert ids(admit(queue, [], STATION)) == [0, 1, 2, 3]


def test_a_size_larger_than_the_machine_is_refused_with_both_numbers():
    (message,) = obstacles(Work(("/bin/true",), instance_type="ml.x", cpus=4), LAPTOP)
    assert "4 CPUs" in message
    assert "has 2" in message
    assert obstacles(Work(("/bin/true",), cpus=4), LAPTOP, oversize=True) == []
