"""What follows on every fault: a start, and the comparison."""

from client import ConnectionLost
from compare import compare, replay
from service import Refused


def start_and_compare(rig, service, ledger):
    """Starts the service and compares it with the ledger; returns whether it started."""
    try:
        service.start()
    except Refused as why:
        rig.tally.find("refused", str(why))
    else:
        try:
            rig.tally.find_all(compare(service.address, ledger))
            rig.tally.find_all(replay(service.address, ledger))
        except ConnectionLost as error:
            rig.tally.find("wrong", f"a read is not answered: {error}; {service.last_words()}")
            rig.tally.keep_evidence(service.data, service.log)
            service.kill()
            return False
    rig.tally.keep_evidence(service.data, service.log)
    return service.is_running()
