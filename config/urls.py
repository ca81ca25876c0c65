"""Where each part answers."""

from django.urls import include, path

urlpatterns = [path("", include("api.urls"))]

handler400 = "api.problems.bad_request"
handler404 = "api.problems.not_found"
handler500 = "api.problems.server_error"
