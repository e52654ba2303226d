"""The short form of scripts/soak.sh."""

from soak import soak


def test_random_faults_leave_every_answer_valid_and_every_counter_growing():
    complaints, table = soak(minutes=0.4)
    assert not complaints, "\n".join([*complaints[:10], table])


test_random_faults_leave_every_answer_valid_and_every_counter_growing.seconds = 30
