"""Time: Runge-Kutta tableaux, step control and the driver."""
