"""The built-in plugins, one module each, registered like everybody else's."""
