"""What an estate emits, in kgCO2e: ranges by the Cloud Carbon Footprint method. Pure; see docs/carbon.md."""
