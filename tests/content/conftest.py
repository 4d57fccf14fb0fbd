from tests.agent.conftest import machine, make_machine

__all__ = ["machine", "make_machine"]
