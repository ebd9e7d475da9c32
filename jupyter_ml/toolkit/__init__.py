"""What a data scientist touches in a notebook: handles, display, magics and widgets.

Everything here speaks to a `Client` and holds no state of its own: a handle knows a name, and
asks for the rest. A kernel can be restarted at any moment and nothing is lost.
"""
