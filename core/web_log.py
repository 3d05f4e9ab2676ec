"""The web server's own log, written as all others are (gunicorn's `--logger-class`)."""

from gunicorn.config import Config
from gunicorn.glogging import Logger


class WebLogger(Logger):
    """Hands what gunicorn says to the root logger, which Django's LOGGING sets up."""

    def setup(self, cfg: Config) -> None:
        """Leave out gunicorn's own handlers."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
