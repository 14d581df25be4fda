# Stands where 3D Slicer's build would make an installer package.
