from runtime_core.http.app import Application, create_app

__all__ = ["Application", "create_app"]
