"""What every screen shares: the router, the guard, the widgets and the charts."""
